"""What chat templates are rendered with elsewhere: Python's jinja2, set up as model libraries set it up, and a way to have ingot render
the same. Shared by the tests of this folder.
"""

import datetime
import functools
import json
import subprocess

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = datetime.datetime(2024, 7, 9, 13, 5, 7)  # as render_lines has it


class Refused(Exception):
    """What raise_exception raises."""


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what a model wrote; here it only writes its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise Refused(message)


def environment():
    # Templates may change their own lists here, as some of the published ones do.
    env = jinja2.sandbox.SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.filters["from_json"] = json.loads
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


@functools.lru_cache(maxsize=1)  # a template is rendered often in a row
def compiled(env, template):
    return env.from_string(template)


def render(env, template, variables):
    """(text, None) or (None, what went wrong); a refusal of the template is `refused: …`."""
    try:
        return compiled(env, template).render(**variables), None
    except Refused as e:
        return None, f"refused: {e}"
    except Exception as e:  # whatever the template provokes
        return None, f"{type(e).__name__}: {e}"


class Ingot:
    """The program render_lines, asked line by line."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, template, variables, texts=None):
        """The answer as JSON; `texts`: further variables as texts of JSON, which arrive as they are written."""
        self.process.stdin.write(json.dumps({"template": template, "variables": variables, "json": texts or {}}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"[jinja] render_lines ended with status {self.process.wait()} at the template {template[:200]!r}")
        return json.loads(line)

    def render(self, template, variables):
        answer = self.ask(template, variables)
        error = answer.get("error")
        if error and error.startswith("[template] "):
            error = "refused: " + error[len("[template] ") :].rsplit("; the model's chat template refuses", 1)[0]
        return answer.get("text"), error
