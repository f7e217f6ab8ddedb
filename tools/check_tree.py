#!/usr/bin/env python3
"""Checks what every file of the project owes its readers.

Owns these rules: no address of a package registry and no path of somebody's machine in a file, no
unfinished marks, no stray or oversized files, executable bits where a #! is and nowhere else, plain
text (UTF-8, LF, a last line break), scripts that parse, links in the pages that lead somewhere, and a
line in THIRD_PARTY_NOTICES.md for every library and package that is built with. Looks at the files
git tracks, or at all where there is no git. Changes nothing; Python's standard library and bash only.

Usage: check_tree.py [ROOT]     check the tree at ROOT (default: this repository)
       check_tree.py --self-test  prove that every rule can fail
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MAX_BYTES = 4 << 20
NOTICES = "THIRD_PARTY_NOTICES.md"

# Written in pieces, so that this file passes its own rules.
REGISTRIES = re.compile("|".join(re.escape(".".join(parts)) for parts in [
    ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"), ("npmmirror", "com"), ("pypi", "org"),
    ("pythonhosted", "org"), ("deb", "debian", "org"), ("security", "debian", "org"),
    ("archive", "ubuntu", "com"), ("crates", "io"), ("pkg", "dev"), ("jfrog", "io")]))
MACHINE_PATHS = re.compile(r"(?<![\w.$}~/-])/(?:work|root|Users/\w+|home/\w+)/[\w.]")
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK",
                                            "W" + "IP"]) + r")\b|<{7} |>{7} ")

BINARY_SUFFIXES = {".png", ".jpg", ".ico", ".woff2", ".gguf", ".bin", ".gz", ".npy",
                   ".safetensors"}
# Data of tests is as the test needs it.
DATA_FOLDERS = ("tests/data/", "tests/goldens/")
FORBIDDEN_PATHS = re.compile(
    r"(^|/)(node_modules|__pycache__|dist|build|\.venv|venv|\.idea|\.vscode|\.cache|shared)/"
    r"|(^|/)(\.env|\.DS_Store|compile_commands\.json|core|nohup\.out)$"
    r"|\.(pyc|o|a|so|exe|whl|deb|log|tmp|orig|rej|swp|zip|tar)$"
    r"|^(?!tests/(?:data|goldens)/).*\.safetensors$")  # weights: only tiny models and seeds
ALLOWED_HIDDEN = {".ci", ".clang-format", ".clang-tidy", ".gitattributes", ".gitignore", ".npmrc",
                  ".prettierrc", ".shellcheckrc", ".editorconfig"}

# CMake targets by the name their project has in the notices; None: part of the toolchain.
CMAKE_TARGETS = {
    "nlohmann_json": "JSON for Modern C++", "spdlog": "spdlog", "fmt": "fmt", "OpenSSL": "OpenSSL",
    "PkgConfig::HWLOC": "hwloc", "PkgConfig::LIBEDIT": "libedit", "Boost": "Boost", "CURL": "curl",
    "CLI11": "CLI11", "hwy": "Highway", "GTest": "GoogleTest", "simde": "SIMDe", "Threads": None,
    "Python3": None, "std": None, "fathom": None,
}
LINKED = re.compile(r"\b([A-Za-z_]\w*)::(\w+)")


def tracked_files(root):
    try:
        listing = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], check=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        names = [name for name in listing.decode().split("\0") if name]
        # A file that is removed in the work tree, but not yet in the index, is gone.
        names = [name for name in names if (root / name).exists()]
        if names:
            return names
    except (OSError, subprocess.CalledProcessError):
        pass
    skipped = {".git", "build", "node_modules", "dist", "__pycache__"}
    return sorted(str(path.relative_to(root)) for path in root.rglob("*")
                  if path.is_file() and not skipped.intersection(path.relative_to(root).parts))


def check_path(root, name, problems):
    path = root / name
    if FORBIDDEN_PATHS.search(name):
        problems.append(f"{name}: does not belong into the project")
    hidden = [part for part in name.split("/") if part.startswith(".")]
    if hidden and hidden[0] not in ALLOWED_HIDDEN:
        problems.append(f"{name}: a hidden file nobody expects")
    if path.is_symlink():
        problems.append(f"{name}: a symbolic link")
    size = path.stat().st_size
    if size > MAX_BYTES:
        problems.append(f"{name}: {size} bytes, over {MAX_BYTES}")


def check_mode(root, name, head, problems):
    executable = os.access(root / name, os.X_OK)
    script = head.startswith(b"#!")
    if script and not executable:
        problems.append(f"{name}: starts with #! but is not executable")
    if executable and not script:
        problems.append(f"{name}: is executable but has no #!")
    interpreter = head.split(b"\n", 1)[0]
    if script and b"bash" in interpreter or name.endswith(".sh"):
        result = subprocess.run(["bash", "-n", str(root / name)], stderr=subprocess.PIPE, text=True)
        if result.returncode != 0:
            problems.append(f"{name}: bash cannot parse it: {result.stderr.strip()}")


def check_text(name, data, problems):
    data_file = name.startswith(DATA_FOLDERS)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not data_file:
            problems.append(f"{name}: not UTF-8 ({error.reason} at byte {error.start})")
        return
    if not data_file:
        if b"\r" in data:
            problems.append(f"{name}: carriage returns")
        if data and not data.endswith(b"\n"):
            problems.append(f"{name}: no line break at the end")
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip(" \t") and not name.endswith(".md"):
                problems.append(f"{name}:{number}: blanks at the end of the line")
            if UNFINISHED.search(line):
                problems.append(f"{name}:{number}: an unfinished mark")
    if data_file and "fuzz" in name:
        return
    for pattern, what in [(REGISTRIES, "the address of a package registry"),
                          (MACHINE_PATHS, "a path of somebody's machine")]:
        match = pattern.search(text)
        if match:
            number = text.count("\n", 0, match.start()) + 1
            problems.append(f"{name}:{number}: {what} ({match.group(0)})")


def check_links(root, name, problems):
    text = (root / name).read_text(encoding="utf-8", errors="replace")
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        target = target.split("#")[0]
        if target and not re.match(r"[a-z]+:", target) and not (root / name).parent.joinpath(target).exists():
            problems.append(f"{name}: links to {target}, which is not there")


def check_notices(root, names, problems):
    path = root / NOTICES
    notices = path.read_text(encoding="utf-8") if path.exists() else ""

    def need(title, where):
        if not re.search(r"(?<![\w@/.-])" + re.escape(title) + r"(?![\w/-])", notices):
            problems.append(f"{where}: {title} is not in {NOTICES}")

    for name in names:
        if name.endswith("CMakeLists.txt") or name.endswith(".cmake"):
            text = re.sub(r"#[^\n]*", "", (root / name).read_text(encoding="utf-8"))
            for package, target in sorted(set(LINKED.findall(text))):
                title = CMAKE_TARGETS.get(f"{package}::{target}", CMAKE_TARGETS.get(package, package))
                if title is not None:
                    need(title, name)
    for name in names:
        if name.split("/")[-1] == "package.json":
            package = json.loads((root / name).read_text(encoding="utf-8"))
            for section in ("dependencies", "devDependencies", "optionalDependencies"):
                for dependency in package.get(section, {}):
                    need(dependency, name)


def check(root):
    """Every broken rule in the tree at `root`, one line each."""
    problems = []
    names = tracked_files(root)
    for name in names:
        path = root / name
        check_path(root, name, problems)
        data = path.read_bytes()
        check_mode(root, name, data[:200], problems)
        if path.suffix not in BINARY_SUFFIXES and b"\0" not in data[:8000]:
            check_text(name, data, problems)
        if path.suffix == ".md":
            check_links(root, name, problems)
    check_notices(root, names, problems)
    return problems


GOOD = {
    "README.md": "See [the plan](docs/plan.md), [a site](https://example.org/x) and `a[1](x)`.\n",
    "docs/plan.md": "```\n[none](none.md)\n```\n",
    "tool.sh": "#!/bin/bash\necho \"~/.local\"\n",
    "src/base/CMakeLists.txt": "find_package(Boost)\nlink(Boost::headers Threads::Threads)\n",
    "web/package.json": "{\"devDependencies\": {\"vite\": \"1\", \"@a/b\": \"1\"}}\n",
    NOTICES: "Boost, vite and @a/b.\n",
    "tests/data/odd.txt": "no line break, blanks  \r\n ",
    "tests/goldens/a/model.safetensors": "x",
}
BAD = [
    ("web/lock.json", "\"https://registry." + "npm" + "js.org/x\"\n", 0, "address of a package registry"),
    ("src/a.cc", "auto p = \"/ro" + "ot/model.gguf\";\n", 0, "somebody's machine"),
    ("src/a.cc", "// TO" + "DO: later\n", 0, "unfinished mark"),
    ("src/a.cc", "int x; \n", 0, "blanks at the end"),
    ("src/a.cc", "int x;\r\n", 0, "carriage returns"),
    ("src/a.cc", "int x;", 0, "no line break"),
    ("src/a.cc", b"// \xff\n", 0, "not UTF-8"),
    ("src/a.cc", "int x;\n", 0o755, "has no #!"),
    ("a.py", "#!/usr/bin/env python3\n", 0o644, "not executable"),
    ("b.sh", "#!/bin/bash\nif true; then\n", 0o755, "cannot parse"),
    ("web/node_modules/x/index.js", "x;\n", 0, "does not belong"),
    ("models/big.safetensors", "x\n", 0, "does not belong"),
    (".secret", "x\n", 0, "hidden file"),
    ("tests/data/big.bin", b"\0" * (MAX_BYTES + 1), 0, f"over {MAX_BYTES}"),
    ("docs/a.md", "[gone](gone.md)\n", 0, "links to gone.md"),
    ("src/x/CMakeLists.txt", "link(CURL::libcurl)\n", 0, "curl is not in"),
    ("src/x/CMakeLists.txt", "link(Unheard::of)\n", 0, "Unheard is not in"),
    ("web/package.json", "{\"dependencies\": {\"left\": \"1\"}}\n", 0, "left is not in"),
]


def self_test():
    failures = []

    def run(files, modes):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, content in files.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
                path.chmod(modes.get(name) or (0o755 if name == "tool.sh" else 0o644))
            # Without git every file counts, ignored ones too.
            return check(root)

    for problem in run(GOOD, {}):
        failures.append(f"a good file was refused: {problem}")
    for name, content, mode, expected in BAD:
        problems = run({**GOOD, name: content}, {name: mode})
        if "node_modules" in name:
            # Not walked without git; the rule itself is what counts.
            problems = []
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True)
                path.write_text(content)
                check_path(pathlib.Path(folder), name, problems)
        if not any(expected in problem for problem in problems):
            failures.append(f"{name} was not refused for '{expected}', only for {problems}")
        elif len(problems) != 1:
            failures.append(f"{name} was refused for more than itself: {problems}")
    return failures


def main(arguments):
    if arguments == ["--self-test"]:
        failures = self_test()
        for failure in failures:
            print(f"self-test: {failure}", file=sys.stderr)
        print(f"self-test: {len(BAD)} bad files and {len(GOOD)} good ones, {len(failures)} failures")
        return 1 if failures else 0
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    problems = check(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"tree: {len(tracked_files(root))} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
