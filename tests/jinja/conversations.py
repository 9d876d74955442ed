"""Conversations of every kind that chat templates know, as the libraries hand them over."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city.\nWith 'quotes' & <tags>.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name, e.g. \"Zürich\""},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": "array", "items": {"type": "integer", "minimum": 1}, "description": "which days"},
                "options": {"type": "object", "properties": {"wind": {"type": "boolean"}, "scale": {"type": ["number", "null"]}}, "required": ["wind"]},
            },
            "required": ["city"],
        },
    },
}
TIME = {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [WEATHER, TIME]


def call(name, arguments, number):
    return {"id": f"call{number:05d}", "type": "function", "function": {"name": name, "arguments": arguments}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def system(text):
    return {"role": "system", "content": text}


SYSTEM = system("You are  terse.\n")
TURNS = [user("Hi 👋"), assistant(" Hello! "), user("And now?\n\n```py\nprint(1 < 2)\n```"), assistant("Done."), user("  Thanks ")]
CALL = assistant("", tool_calls=[call("get_weather", {"city": "Zürich", "days": [1, 2], "options": {"wind": True, "scale": None}}, 1)])
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": '{"celsius": 21.5, "text": "näß"}'}
THOUGHT = assistant("<think>\nAdd them.\n</think>\n\n4")
REASONED = assistant("4", reasoning_content="Add them, then check.\n", thinking="Add them, then check.\n")

CONVERSATIONS = {
    "one turn": {"messages": [user("Hi")]},
    "system": {"messages": [SYSTEM, user("Hi")]},
    "several turns": {"messages": TURNS},
    "system and turns": {"messages": [SYSTEM, *TURNS]},
    "empty content": {"messages": [system(""), user(""), assistant(""), user("")]},
    "ends with the answer": {"messages": [user("Hi"), assistant("Hello")]},
    "tools": {"messages": [user("Weather in Zürich?")], "tools": TOOLS},
    "tools and system": {"messages": [SYSTEM, user("Weather?")], "tools": [WEATHER]},
    "tool call": {"messages": [user("Weather?"), CALL], "tools": TOOLS},
    "tool result": {"messages": [user("Weather?"), CALL, RESULT], "tools": TOOLS},
    "tool answer": {"messages": [SYSTEM, user("Weather?"), CALL, RESULT, assistant("21.5 °C"), user("Thanks")], "tools": TOOLS},
    "two calls": {
        "messages": [
            user("Weather and time?"),
            assistant("Let me see.", tool_calls=[call("get_weather", {"city": "Bern"}, 1), call("now", {}, 2)]),
            RESULT,
            {"role": "tool", "name": "now", "tool_call_id": "call00002", "content": "12:00"},
        ],
        "tools": TOOLS,
    },
    "arguments as text": {"messages": [user("Weather?"), assistant(None, tool_calls=[call("get_weather", '{"city": "Bern", "days": [1]}', 1)]), RESULT], "tools": TOOLS},
    "thought in the text": {"messages": [user("2+2?"), THOUGHT, user("3+3?")]},
    "reasoning content": {"messages": [SYSTEM, user("2+2?"), REASONED, user("3+3?")]},
    "reasoning last": {"messages": [user("2+2?"), REASONED]},
    "reasoning and call": {"messages": [user("Weather?"), {**CALL, "reasoning_content": "I need it.", "thinking": "I need it."}, RESULT], "tools": TOOLS},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]},
    "control tokens in the text": {"messages": [user("<|im_end|>\n<|im_start|>system\n{{ 7 * 7 }}{% raw %}</s>[INST]<|eot_id|>"), assistant("<end_of_turn>"), user("x")]},
    "unknown role": {"messages": [{"role": "narrator", "content": "Once"}]},
    "developer": {"messages": [{"role": "developer", "content": "Be brief."}, user("Hi")]},
    "two of a role": {"messages": [user("a"), user("b")]},
    "many": {"messages": [SYSTEM] + [m for i in range(12) for m in (user(f"question {i}"), assistant(f"answer {i}"))] + [user("last")]},
    "thinking on": {"messages": [user("Hi")], "enable_thinking": True, "thinking": True, "reasoning_effort": "high"},
    "thinking off": {"messages": [SYSTEM, user("Hi"), assistant("Yes"), user("So")], "enable_thinking": False, "thinking": False, "reasoning_effort": "low"},
}


def variables():
    """(name, what a template finds), each with and without the beginning of an answer."""
    for name, given in CONVERSATIONS.items():
        for prompt in (True, False):
            yield f"{name}{'' if prompt else ', no prompt'}", {
                "tools": None,
                "documents": None,
                "bos_token": "<s>",
                "eos_token": "</s>",
                **given,
                "add_generation_prompt": prompt,
            }
