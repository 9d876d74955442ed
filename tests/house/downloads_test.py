"""What is fetched is compared with its hash before any code of it runs: pip_download of tools/setup/project.sh, offered packages that
carry the right name and version, a build backend of their own that leaves a mark, and another hash than the pinned one.

Needs the private environment's Python, whose pip is the one that fetches.
"""

import io
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = """[build-system]
requires = []
build-backend = "leaves_a_mark"
backend-path = ["."]
"""
# Gives the metadata that pip asks for, so that nothing but the hash stands in the way.
BACKEND = """import os
open({mark!r}, "w").close()
def get_requires_for_build_wheel(settings=None): return []
def prepare_metadata_for_build_wheel(folder, settings=None):
    os.makedirs(os.path.join(folder, "{stem}.dist-info"))
    open(os.path.join(folder, "{stem}.dist-info", "METADATA"), "w").write("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return "{stem}.dist-info"
"""


def source_distribution(path, name, version, mark):
    stem = path.name.removesuffix(".tar.gz")
    files = {"pyproject.toml": PROJECT, "leaves_a_mark.py": BACKEND.format(mark=str(mark), stem=stem, name=name, version=version)}
    files["PKG-INFO"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{stem}/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


def pip_download(cache, offered, *arguments):
    environment = dict(os.environ, INGOT_CACHE=str(cache), PIP_NO_INDEX="1", PIP_FIND_LINKS=str(offered))
    script = f'source "{ROOT}/tools/setup/project.sh"; pip_download "$@"'
    return subprocess.run(["bash", "-c", script, "-", *arguments], env=environment, capture_output=True, text=True, check=False)


class Downloads(unittest.TestCase):
    def test_no_code_of_a_source_distribution_runs_before_its_hash_was_right(self):
        for line in (ROOT / "tools/setup/sources.txt").read_text().splitlines():
            if line.startswith("#"):
                continue
            name, version = re.match(r"(\S+)==(\S+)", line).groups()
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                cache, offered, mark = (pathlib.Path(folder, part) for part in ("cache", "offered", "mark"))
                cache.mkdir()
                offered.mkdir()
                (cache / "python").symlink_to(sys.prefix)
                source_distribution(offered / f"{name.replace('-', '_')}-{version}.tar.gz", name, version, mark)
                answer = pip_download(cache, offered, "sources.txt", name, str(cache / "here"), "--no-binary", ":all:", "--no-build-isolation")
                self.assertFalse(mark.exists(), "code of the download ran")
                self.assertNotEqual(answer.returncode, 0)
                self.assertIn("DO NOT MATCH THE HASHES", answer.stderr)
                self.assertEqual(list(cache.glob("here/*")), [])


if __name__ == "__main__":
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        print("skipped: this Python has no pip; tools/setup/install.sh build makes an environment that has it")
        sys.exit(77)
    unittest.main()
