#!/usr/bin/env python3
"""Writes tests/goldens/templates/deepseek_tools.json: prompts of conversations with tools, as DeepSeek's
models were made to see them.

    venv/bin/pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    venv/bin/pip download --no-deps -d /tmp/swift ms-swift==4.6.0
    venv/bin/python tools/goldens/deepseek_tools.py --swift /tmp/swift/ms_swift-4.6.0-py3-none-any.whl

What is known of the form, and how each part of it is used here:

- DeepSeek-V3.1's model card ("ToolCall") describes the definitions; ms-swift's template for agents
  (PyPI ms-swift 4.6.0, Apache-2.0) follows it. Its code writes definitions, calls and results here.
- DeepSeek-V2.5's model card ("Function calling") shows a system prompt with a definition, two calls and
  two results, in the tags that V3 and R1 have as well. CARD below is that example.
- The templates of the files, rendered by transformers, write turns. They are faulty with tools (V3's
  writes the end of calls only after a second one, and the tags around results once); wherever they are
  right, this script stops unless its text is theirs.
"""

import argparse
import hashlib
import importlib.util
import json
import pathlib
import sys
import types
import zipfile

import transformers
from transformers.utils import chat_template_utils

from templates_conversations import CONVERSATIONS, assistant, call, result, system, user

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "tests" / "goldens" / "templates"
VERSION = "5.23.0"
SWIFT_SHA256 = "8888ca2b88681aeabffc981f289ffc3e4fa6e4da7f83e885114ec0edbe8d99ea"
BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
V3, V31 = "lenml-deepseek_v3", "deepseek-ai-DeepSeek-V3.1"

# The model card of DeepSeek-V2.5, section "Function calling".
CARD_FUNCTION = {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["location"],
    },
}
CARD_SYSTEM = """You are a helpful Assistant.

## Tools

### Function

You have the following functions available:

- `get_current_weather`:
```json
{
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {
                "type": "string",
                "description": "The city and state, e.g. San Francisco, CA"
            },
            "unit": {
                "type": "string",
                "enum": [
                    "celsius",
                    "fahrenheit"
                ]
            }
        },
        "required": [
            "location"
        ]
    }
}
```"""
CARD_CALLS = (
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_current_weather\n```json\n"
    '{"location": "Tokyo"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>'
    'get_current_weather\n```json\n{"location": "Paris"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>' + EOS)
CARD_RESULTS = ['{"location": "Tokyo", "temperature": "10", "unit": null}',
                '{"location": "Paris", "temperature": "22", "unit": null}']
CARD_ANSWER = "The current weather in Tokyo is 10 degrees, and in Paris, it is 22 degrees."
CARD_TOOLS = [{"type": "function", "function": CARD_FUNCTION}]
CARD = [system("You are a helpful Assistant."), user("What's the weather like in Tokyo and Paris?"),
        assistant(None, tool_calls=[call("get_current_weather", '{"location": "Tokyo"}', "call00001"),
                                    call("get_current_weather", '{"location": "Paris"}', "call00002")]),
        result(CARD_RESULTS[0], "get_current_weather", "call00001"),
        result(CARD_RESULTS[1], "get_current_weather", "call00002")]

EXTRA = {
    "card": (CARD, CARD_TOOLS, {}),
    "card_prompt": (CARD[:2], CARD_TOOLS, {}),
    "card_answered": (CARD + [assistant(CARD_ANSWER), user("Thanks")], CARD_TOOLS, {}),
    "user_after_result": ([user("a"), assistant("", tool_calls=[call("stop", "{}")]), result("r"), user("b")], None, {}),
    "spaced_arguments": ([user("a"), assistant("", tool_calls=[call("stop", '{ "b":1.0,"a" : [ ] }')]), result("r")], None, {}),
    "two_in_first_round": ([user("a"), assistant(None, tool_calls=[call("f", '{"x": 1}'), call("g", "{}", "call00002")]),
                            result("1", "f"), result("2", "g", "call00002"), assistant("done"), user("b")], None, {}),
}


def shipped(name, messages, tools, variables):
    template = (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")
    variables = {"add_generation_prompt": True, **variables}
    rendered, _ = chat_template_utils.render_jinja_template(
        [json.loads(json.dumps(messages))], tools=tools, chat_template=template, bos_token=BOS, eos_token=EOS, **variables)
    return rendered[0]


def arguments_of(one):
    arguments = one["function"]["arguments"]
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def swift_agent(wheel):
    """ms-swift's DeepSeekV31AgentTemplate, without the rest of the package."""
    data = pathlib.Path(wheel).read_bytes()
    assert hashlib.sha256(data).hexdigest() == SWIFT_SHA256, "another ms-swift than 4.6.0"
    for name, members in (("swift", ()), ("swift.infer_engine", ("Function",)),
                          ("swift.template", ("Prompt", "split_str_parts_by")), ("swift.agent_template", ())):
        module = types.ModuleType(name)
        module.__path__ = []
        for member in members:
            setattr(module, member, type(member, (), {}))
        sys.modules[name] = module
    with zipfile.ZipFile(wheel) as archive:
        for name in ("base", "deepseek_v3_1"):
            full = f"swift.agent_template.{name}"
            module = importlib.util.module_from_spec(importlib.util.spec_from_loader(full, None))
            sys.modules[full] = module
            exec(compile(archive.read(f"swift/agent_template/{name}.py"), full, "exec"), module.__dict__)
    return sys.modules["swift.agent_template.deepseek_v3_1"].DeepSeekV31AgentTemplate()


def system_of(messages):
    return "\n\n".join(m["content"] for m in messages if m["role"] == "system")


def v31(agent, messages, tools, variables):
    head = system_of(messages)
    text = BOS + (agent._format_tools(tools, head) if tools else head)
    begin = shipped(V31, [user("?"), assistant("!")], None, {**variables, "add_generation_prompt": False})
    begin = begin.split("?")[1].split("!")[0]
    asked = shipped(V31, [user("?")], None, variables).split("?")[1]
    last, turns = "", [m for m in messages if m["role"] != "system"]
    for i, message in enumerate(turns):
        if message["role"] == "user":
            text += "<｜User｜>" + message["content"]
        elif message["role"] == "assistant":
            text += (begin if last == "user" else "") + (message["content"] or "").split("</think>", 1)[-1]
            if message.get("tool_calls"):
                text += agent._format_tool_calls([
                    {"content": json.dumps({"name": one["function"]["name"], "arguments": json.loads(arguments_of(one))})}
                    for one in message["tool_calls"]])
            text += EOS
        else:
            text += agent._get_tool_responses([message])
        last = message["role"]
    return text + (asked if last == "user" and variables.get("add_generation_prompt", True) else "")


def v3(messages, tools, variables):
    text = BOS + system_of(messages)
    if tools:
        head, block = CARD_SYSTEM.removeprefix("You are a helpful Assistant.").split("- `get_current_weather`:\n")
        assert block == "```json\n" + json.dumps(CARD_FUNCTION, indent=4) + "\n```"
        text += head + "\n".join(f"- `{tool['function']['name']}`:\n```json\n"
                                 + json.dumps(tool["function"], indent=4, ensure_ascii=False) + "\n```" for tool in tools)
    last = ""
    for message in [m for m in messages if m["role"] != "system"]:
        if last == "tool" and message["role"] != "tool":
            text += "<｜tool▁outputs▁end｜>"
        if message["role"] == "user":
            text += "<｜User｜>" + message["content"]
        elif message["role"] == "assistant":
            text += ("" if last == "tool" else "<｜Assistant｜>") + (message["content"] or "")
            if message.get("tool_calls"):
                calls = [f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{one['function']['name']}\n```json\n{arguments_of(one)}\n```"
                         "<｜tool▁call▁end｜>" for one in message["tool_calls"]]
                text += "<｜tool▁calls▁begin｜>" + "\n".join(calls) + "<｜tool▁calls▁end｜>"
            text += EOS
        else:
            text += ("\n" if last == "tool" else "<｜tool▁outputs▁begin｜>")
            text += f"<｜tool▁output▁begin｜>{message['content']}<｜tool▁output▁end｜>"
        last = message["role"]
    if last == "tool":
        return text + "<｜tool▁outputs▁end｜>"
    return text + ("<｜Assistant｜>" if variables.get("add_generation_prompt", True) else "")


def check(agent):
    """Where the templates of the files are right, the texts are theirs; and the card's are its own."""
    prompt = shipped(V3, [system(CARD_SYSTEM), CARD[1]], None, {})
    assert v3(*EXTRA["card_prompt"]) == prompt
    results = "".join("\n" * (i > 0) + f"<｜tool▁output▁begin｜>{text}<｜tool▁output▁end｜>" for i, text in enumerate(CARD_RESULTS))
    assert v3(*EXTRA["card"]) == prompt + CARD_CALLS + f"<｜tool▁outputs▁begin｜>{results}<｜tool▁outputs▁end｜>"
    messages, _, variables = EXTRA["two_in_first_round"]
    assert v3(messages, None, variables) == shipped(V3, messages, None, variables)
    for name, (messages, tools, variables) in CONVERSATIONS.items():
        plain = all(isinstance(m.get("content"), str) for m in messages) and "continue_final_message" not in variables
        if not plain or name in ("unknown_role", "developer", "not_alternating", "assistant_first", "no_messages"):
            continue
        if not any("tool_calls" in m for m in messages):
            assert v3(messages, None, variables) == shipped(V3, messages, None, variables), name
        # V3.1's template quotes arguments that are text once more.
        texts = any(isinstance(one["function"]["arguments"], str) for m in messages for one in m.get("tool_calls", []))
        if not texts:
            assert v31(agent, messages, None, variables) == shipped(V31, messages, None, variables), name


def main():
    assert transformers.__version__ == VERSION, transformers.__version__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--swift", required=True)
    agent = swift_agent(parser.parse_args().swift)
    check(agent)
    with_tools = {name: row for name, row in CONVERSATIONS.items() if row[1] or any("tool_calls" in m for m in row[0])}
    rows = []
    for name, (messages, tools, variables) in {**with_tools, **EXTRA}.items():
        texts = {V3: v3(messages, tools, variables)}
        # Arguments that are not as json.dumps writes them are none that ms-swift keeps.
        if name != "spaced_arguments":
            texts[V31] = v31(agent, messages, tools, variables)
        for template, text in texts.items():
            rows.append(json.dumps({"template": template, "name": name, "messages": messages, "tools": tools,
                                    "variables": variables, "text": text}, ensure_ascii=False))
    (TEMPLATES / "deepseek_tools.json").write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    print(len(rows), "prompts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
