#!/usr/bin/env python3
"""Checks the layer rules of docs/architecture.md against the tree.

Owns the table of rooms (ROOMS below): which room may include which other room or header, and which
third-party and system headers. Every #include line under src/ and every fathom_* dependency in
src/*/CMakeLists.txt is read against it. Also checks what keeps files readable: no file over 800
lines, no C++ function over 120. Reads text only; it builds nothing and needs Python's standard
library alone.

Usage: check_layers.py [ROOT]     check the tree at ROOT (default: this repository)
       check_layers.py --self-test  prove that every rule can fail
"""

import pathlib
import re
import sys
import tempfile

MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 120


class Room:
    """A row of the table. `rooms` are folders of src/, or single headers ("engine/engine.h");
    `libraries` and `test_libraries` are keys of LIBRARIES; `system` allows operating system headers.
    `training` is what the room's training part (is_training) may include besides, rooms and libraries;
    a row that `trains` is one for training as a whole."""

    def __init__(self, floor, rooms=(), libraries=(), test_libraries=(), system=False, training=(),
                 trains=False):
        self.floor = floor
        self.rooms = frozenset(rooms)
        self.libraries = frozenset(libraries)
        self.test_libraries = frozenset(test_libraries)
        self.system = system
        self.training = frozenset(training)
        self.trains = trains


ROOMS = {
    "base": Room(0, [], ["hwloc", "fmt", "spdlog", "json", "openssl"], system=True),
    "tensor": Room(1, ["base"], ["memory"]),
    "text": Room(1, ["base"]),
    "grade": Room(1, ["base"]),
    "kernels": Room(2, ["base", "tensor"], ["highway", "x86", "arm"], ["simde"], training=["blas"]),
    "formats": Room(2, ["base", "tensor"], ["files"]),
    "placement": Room(3, ["base", "tensor", "formats", "kernels"]),
    "autograd": Room(3, ["base", "tensor", "kernels"], trains=True),
    "models": Room(4, ["base", "tensor", "kernels", "formats", "placement"], training=["autograd"]),
    "engine": Room(5, ["base", "tensor", "kernels", "formats", "models"]),
    "loader": Room(5, ["base", "tensor", "formats", "text", "placement", "models"], ["curl"],
                   system=True),
    "convert": Room(5, ["base", "tensor", "kernels", "formats", "models"], ["files"]),
    "chat": Room(6, ["base", "text", "engine/engine.h", "loader/loader.h"]),
    "server": Room(7, ["base", "chat"], ["boost", "openssl"], ["boost"], system=True),
    "train": Room(7, ["base", "tensor", "kernels", "formats", "autograd", "models", "convert"],
                  trains=True),
    "recipe": Room(8, ["base", "tensor", "text", "grade", "formats", "models", "engine/engine.h", "loader",
                       "convert", "autograd", "train"], ["toml"], trains=True),
    "cli": Room(9, ["base", "tensor", "text", "kernels", "formats", "placement", "models", "engine",
                    "loader", "convert", "chat", "server", "grade", "recipe"], ["libedit", "cli11"], system=True),
}

# Headers of each library, as regular expressions over the included path.
LIBRARIES = {
    "hwloc": r"hwloc\.h|hwloc/.*",
    "fmt": r"fmt/.*",
    "spdlog": r"spdlog/.*",
    "json": r"nlohmann/json(_fwd)?\.hpp",
    "openssl": r"openssl/.*",
    "memory": r"sys/mman\.h",  # tensor owns the buffers, so it asks the system for their pages
    "files": r"fcntl\.h|unistd\.h|sys/(file|stat)\.h",  # writers publish files that are safely on the disk
    "highway": r"hwy/.*",
    "x86": r"immintrin\.h|x86intrin\.h|cpuid\.h",
    "arm": r"arm_neon\.h|arm_sve\.h|sys/auxv\.h|asm/hwcap\.h",
    "simde": r"simde/.*",
    "curl": r"curl/curl\.h",
    "blas": r"cblas\.h",
    "boost": r"boost/(asio|beast|system)(/.*|\.hpp)",
    "libedit": r"histedit\.h",
    "cli11": r"CLI/.*",
    "toml": r"toml\+\+/.*",
}
TEST_HEADERS = r"(gtest|gmock)/.*"
STANDARD_HEADER = r"[a-z_0-9]+"  # <vector>, <cstdint>, ...: the C++ library has no other names
C_HEADERS = {"float.h", "inttypes.h", "limits.h", "math.h", "stddef.h", "stdint.h", "stdio.h",
             "stdlib.h", "string.h"}

# Where a test reaches the operating system, it is to make temporary files, sockets and pipes.
TEST_SYSTEM_HEADERS = r"(sys/.*|unistd\.h|fcntl\.h|signal\.h|netinet/.*|arpa/.*|netdb\.h|poll\.h|" \
                      r"sched\.h|pthread\.h|stdlib\.h)"
SYSTEM_HEADERS = TEST_SYSTEM_HEADERS + r"|(pwd|termios|dlfcn|langinfo|locale|errno)\.h|linux/.*"

# The environment and the command line are read in one room.
ENVIRONMENT_ROOM = "cli"
ENVIRONMENT_CALL = re.compile(r"\b(secure_)?getenv\s*\(")

CXX_SUFFIXES = {".h", ".cc", ".cu", ".cuh"}
LINE_LIMITED_SUFFIXES = CXX_SUFFIXES | {".ts", ".svelte", ".js", ".mjs", ".css", ".py", ".sh", ".cmake"}
SOURCE_FOLDERS = ["src", "web", "tests", "bench", "fuzz", "tools", "cmake"]
SKIPPED_FOLDERS = {"node_modules", "dist", "__pycache__", "build"}
# Tables that a script writes are as long as their data.
# Other spellings of what the tree already has a name for, and drawers that collect anything.
FORBIDDEN_SUFFIXES = {".cpp", ".cxx", ".c", ".hpp", ".hh", ".hxx"}
FORBIDDEN_NAMES = {"util", "utils", "common", "misc", "helpers", "core", "lib", "include"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(\S+))')


def is_test(path):
    """Tests, and the helpers of tests: x_test.cc, x_test_support.h, test_x.h, fake_x.h, testing/x.h."""
    return "testing" in path.parts or path.stem.endswith(("_test", "_test_support")) or \
        path.stem.split("_")[0] in ("test", "fake", "golden")


def is_training(path):
    """What only training needs inside a room that inference links: src/models/llama/train.h,
    src/models/training/, src/kernels/train/."""
    inner = path.parts[2:] if path.parts[0] == "src" else path.parts[1:]
    return bool({"train", "training"}.intersection((*inner[:-1], path.stem)))


def training_problem(inner, included):
    """Why a file of inference may not include that header of training, or None."""
    room, first = inner.parts[1], included.split("/")[0]
    if ROOMS[room].trains or is_training(inner) or is_test(inner):
        return None
    if first in ROOMS[room].rooms and not is_training(pathlib.PurePath(included)):
        return None  # the row says so: the command line is where training is asked for
    if first in ROOMS and (ROOMS[first].trains or is_training(pathlib.PurePath(included))):
        return f"{room} may not include {included}: it is for training alone"
    return None


def reachable(room):
    """Rooms below `room`, directly or through others: what its tests may build their cases from."""
    seen, open_rooms = set(), [room]
    while open_rooms:
        row = ROOMS[open_rooms.pop()]
        for entry in row.rooms | {part for part in row.training if part in ROOMS}:
            name = entry.split("/")[0]
            if name not in seen:
                seen.add(name)
                open_rooms.append(name)
    return seen


def include_problem(room, test, training, included):
    """Why `room`, or its training part, may not include `included` ("tensor/format.h", "vector",
    "boost/asio.hpp"), or None."""
    row = ROOMS[room]
    first = included.split("/")[0]
    if first in ROOMS and "/" in included:
        if first == room or first in row.rooms or included in row.rooms:
            return None
        if training and first in row.training:
            return None
        if test and first in reachable(room):
            return None
        allowed = ", ".join(sorted(row.rooms)) or "no other room"
        return f"{room} may not include {included} (it may include: {allowed})"
    if re.fullmatch(STANDARD_HEADER, included) or included in C_HEADERS:
        return None
    libraries = row.libraries | (row.test_libraries if test else frozenset()) | \
        (row.training if training else frozenset())
    for name in libraries:
        if name in LIBRARIES and re.fullmatch(LIBRARIES[name], included):
            return None
    if test and re.fullmatch(TEST_HEADERS + "|" + TEST_SYSTEM_HEADERS, included):
        return None
    if row.system and re.fullmatch(SYSTEM_HEADERS, included):
        return None
    return f"{room} may not include <{included}>: not in its row of the table"


def blank_out(text):
    """`text` with comments, strings and character literals replaced by spaces; line breaks stay."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    pattern = re.compile(
        r'//(?:\\\n|[^\n])*'
        r'|/\*.*?\*/'
        r'|\bR"([^()\\\s]{0,16})\(.*?\)\1"'
        r'|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
        re.DOTALL)
    return pattern.sub(spaces, text)


def blank_preprocessor(code):
    """`code` with preprocessor lines blank (of #if/#else, so both sides stay: braces must pair)."""
    lines = code.split("\n")
    continued = False
    for i, line in enumerate(lines):
        directive = continued or line.lstrip().startswith("#")
        continued = directive and line.rstrip().endswith("\\")
        if directive:
            lines[i] = ""
    return "\n".join(lines)


NOT_A_FUNCTION = re.compile(
    r"^\s*(?:template\s*<.*>\s*)?(?:export\s+|inline\s+|static\s+|typedef\s+|constexpr\s+|const\s+)*"
    r"(?:namespace|class|struct|union|enum|extern)\b(?![^{]*\)\s*(?:const|noexcept|override|->|$))",
    re.DOTALL)
MEMBER_INITIALIZER = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:).*[\w>]\s*$", re.DOTALL)


def functions(text):
    """(first line, last line, name) of every outermost function body in C++ source."""
    code = blank_preprocessor(blank_out(text))
    found = []
    stack = []  # one entry per open brace: (is_function, first line, name, is_member_initializer)
    head_start = 0
    line = 1
    line_at = [0] * (len(code) + 1)
    for i, char in enumerate(code):
        line_at[i] = line
        if char == "\n":
            line += 1
    inside = 0
    parens = 0
    for i, char in enumerate(code):
        if char == "(":
            parens += 1
        elif char == ")":
            parens = max(0, parens - 1)
        elif char == "{":
            head = code[head_start:i]
            function = False
            # "Box::Box(int x) : x_{x} {": the first brace belongs to x_, the second to the body.
            member = inside == 0 and parens == 0 and MEMBER_INITIALIZER.search(head) is not None
            if inside == 0 and parens == 0 and not member:
                before = head.split("=")[0] if re.search(r"=\s*$", head) else head
                function = "(" in before and not NOT_A_FUNCTION.match(head) and \
                    not re.search(r"=\s*$", head)
            name = ""
            first = line_at[i]
            if function:
                match = re.search(r"([~\w:]+|operator\S+)\s*\(", head)
                name = match.group(1) if match else "?"
                first = line_at[head_start + len(head) - len(head.lstrip())]
                inside += 1
            stack.append((function, first, name, member))
            if parens == 0 and not member:
                head_start = i + 1
        elif char == "}":
            member = False
            if stack:
                function, first, name, member = stack.pop()
                if function:
                    inside -= 1
                    found.append((first, line_at[i], name))
            if parens == 0 and not member:
                head_start = i + 1
        elif char == ";" and parens == 0:
            head_start = i + 1
    return found


def source_files(root):
    for folder in SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            inner = path.relative_to(root)
            if path.is_file() and not SKIPPED_FOLDERS.intersection(inner.parts):
                yield inner


def check_cxx(inner, text, problems):
    room = inner.parts[1] if inner.parts[0] == "src" else None
    code = blank_out(text)
    lines = text.split("\n")
    if room in ROOMS:
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if match and not match.group(3):
                included = match.group(1) or match.group(2)
                problem = include_problem(room, is_test(inner), is_training(inner), included) or \
                    training_problem(inner, included)
                if problem:
                    problems.append(f"{inner}:{number}: {problem}")
            elif match and match.group(3) != "HWY_TARGET_INCLUDE":
                problems.append(f"{inner}:{number}: an #include must name its file")
        if room != ENVIRONMENT_ROOM and not is_test(inner):
            for match in ENVIRONMENT_CALL.finditer(code):
                number = code.count("\n", 0, match.start()) + 1
                problems.append(f"{inner}:{number}: only {ENVIRONMENT_ROOM} reads the environment")
    if inner.suffix == ".h" and room:
        if not text.startswith("//"):
            problems.append(f"{inner}:1: a header opens with a comment that says what it owns")
        if not re.search(r"^#pragma once$", text, re.MULTILINE):
            problems.append(f"{inner}:1: no #pragma once")
    for first, last, name in functions(text):
        if last - first + 1 > MAX_FUNCTION_LINES:
            problems.append(f"{inner}:{first}: {name} has {last - first + 1} lines, over "
                            f"{MAX_FUNCTION_LINES}")


def check_links(root, problems):
    """fathom_library(... DEPS fathom_x ... TEST_DEPS fathom_y) against the same table."""
    for path in sorted(root.glob("src/*/CMakeLists.txt")):
        room = path.parent.name
        if room not in ROOMS:
            continue
        row = ROOMS[room]
        plain = {entry.split("/")[0] for entry in row.rooms} | {room}
        text = re.sub(r"#[^\n]*", "", path.read_text())
        for call in re.finditer(r"fathom_library\s*\(([^)]*)\)", text):
            section = ""
            # A room's training part is a library of its own, with a name of its own.
            allowed = plain | (row.training if call.group(1).split()[0].endswith("_train") else set())
            for word in call.group(1).split():
                if word in ("SOURCES", "DEPS", "TESTS", "TEST_DEPS"):
                    section = word
                elif word.startswith("fathom_"):
                    linked = word.removeprefix("fathom_")
                    rooms = allowed | (reachable(room) if section == "TEST_DEPS" else set())
                    if linked in ROOMS and linked not in rooms:
                        problems.append(f"{path.relative_to(root)}: {room} may not link {word}")


def check(root):
    """Every broken rule in the tree at `root`, one line each."""
    problems = []
    for path in sorted((root / "src").iterdir()) if (root / "src").is_dir() else []:
        if path.is_dir() and path.name not in ROOMS:
            problems.append(f"src/{path.name}: no room of the table has this name")
        elif path.is_file():
            problems.append(f"src/{path.name}: files live in a room, not beside them")
    for inner in source_files(root):
        if inner.suffix in FORBIDDEN_SUFFIXES and inner.parts[0] in ("src", "bench", "fuzz"):
            problems.append(f"{inner}: C++ files end in .h or .cc")
        bad = FORBIDDEN_NAMES.intersection(inner.with_suffix("").parts)
        if inner.parts[0] == "src" and bad:
            problems.append(f"{inner}: '{sorted(bad)[0]}' says nothing of what is inside")
        if inner.suffix not in LINE_LIMITED_SUFFIXES:
            continue
        text = (root / inner).read_text(encoding="utf-8", errors="replace")
        count = text.count("\n")
        if count > MAX_FILE_LINES:
            problems.append(f"{inner}: {count} lines, over {MAX_FILE_LINES}")
        if inner.suffix in CXX_SUFFIXES:
            check_cxx(inner, text, problems)
    check_links(root, problems)
    return problems


def check_table():
    """The table itself: a row names rooms that exist, on lower floors (or peers, without a cycle)."""
    problems = []
    for name, row in ROOMS.items():
        for entry in row.rooms | (row.training - LIBRARIES.keys()):
            below = entry.split("/")[0]
            if below not in ROOMS:
                problems.append(f"row {name}: {below} is no room")
            elif ROOMS[below].floor > row.floor:
                problems.append(f"row {name} (floor {row.floor}) looks up into {below}")
        if name in reachable(name):
            problems.append(f"row {name}: it reaches itself")
        for library in row.libraries | row.test_libraries | (row.training - ROOMS.keys()):
            if library not in LIBRARIES:
                problems.append(f"row {name}: library {library} has no header pattern")
    return problems


HEADER = "// Owns an example.\n#pragma once\n"
GOOD = {
    "src/base/error.h": HEADER + "#include <string>\n",
    "src/base/thread.cc": "#include <hwloc.h>\n#include <unistd.h>\n#include \"base/error.h\"\n",
    "src/text/tokenizer.h": HEADER + "#include \"base/error.h\"\n",
    "src/chat/chat.cc": "#include \"engine/engine.h\"\n#include \"loader/loader.h\"\n",
    "src/chat/chat_test.cc": "#include <gtest/gtest.h>\n#include \"formats/gguf.h\"\n",
    "src/cli/main.cc": "#include <histedit.h>\nint main() { return getenv(\"HOME\") != nullptr; }\n",
    "src/kernels/CMakeLists.txt": "fathom_library(kernels SOURCES a.cc DEPS fathom_tensor hwy::hwy)\n",
    "src/kernels/train/gemm.cc": "#include <cblas.h>\n",
    "src/models/llama/train.cc": "#include \"autograd/ops.h\"\n#include \"kernels/train/gemm.h\"\n",
    "src/autograd/ops.cc": "#include \"kernels/train/gemm.h\"\n",
    "src/models/CMakeLists.txt": "fathom_library(models_train SOURCES a.cc DEPS fathom_autograd)\n",
    "src/base/table.cc": "const int kTable[] = {\n" + "1,\n" * 300 + "};\n",
    "src/base/many.cc": "namespace fathom {\n" + "int F(int x) {\n  return x;\n}\n" * 150 + "}\n",
    "src/base/strings.cc": "void F() {\n  Use(\"{{{\", '{', R\"(}}{{)\");  // {\n}\n" +
                           "class Box {\n" + "  int x;\n" * 200 + "  int f() { return 1; }\n};\n",
    "web/src/page.ts": "\n" * 800,
}
# A file each, and what the message about it must contain.
BAD = [
    ("src/tensor/up.cc", "#include \"models/model.h\"\n", "may not include models/model.h"),
    ("src/chat/inside.cc", "#include \"engine/scheduler.h\"\n", "may not include engine/scheduler.h"),
    ("src/text/http.cc", "#include <boost/asio.hpp>\n", "may not include <boost/asio.hpp>"),
    ("src/text/http_test.cc", "#include <boost/asio.hpp>\n", "may not include <boost/asio.hpp>"),
    ("src/text/up_test.cc", "#include \"engine/engine.h\"\n", "may not include engine/engine.h"),
    ("src/kernels/x_test.h", HEADER + "#include <curl/curl.h>\n", "may not include <curl/curl.h>"),
    ("src/models/gtest_in_code.cc", "#include <gtest/gtest.h>\n", "may not include <gtest/gtest.h>"),
    ("src/engine/files.cc", "#include <fcntl.h>\n", "may not include <fcntl.h>"),
    ("src/kernels/cpu/blas.cc", "#include <cblas.h>\n", "may not include <cblas.h>"),
    ("src/models/llama/forward.cc", "#include \"kernels/train/gemm.h\"\n", "for training alone"),
    ("src/models/llama/tape.cc", "#include \"autograd/tape.h\"\n", "may not include autograd/tape.h"),
    ("src/base/macro.cc", "#include SOME_FILE\n", "must name its file"),
    ("src/base/env.cc", "const char* F() { return std::getenv(\"HOME\"); }\n", "reads the environment"),
    ("src/base/bare.h", "#pragma once\n", "opens with a comment"),
    ("src/base/twice.h", "// Owns nothing.\n", "no #pragma once"),
    ("src/base/old.cpp", "\n", "end in .h or .cc"),
    ("src/base/utils.h", HEADER, "says nothing"),
    ("src/wherever/a.cc", "\n", "no room of the table"),
    ("src/a.cc", "\n", "live in a room"),
    ("src/base/long.cc", "\n" * 801, "801 lines, over 800"),
    ("web/src/long.ts", "\n" * 801, "801 lines, over 800"),
    ("web/src/long.svelte", "\n" * 801, "801 lines, over 800"),
    ("src/base/big.cc", "namespace fathom {\nint Big(int x) {\n" + "  ++x;\n" * 119 + "}\n}\n",
     "Big has 121 lines"),
    ("src/base/ctor.cc", "Box::Box(int x)\n    : x_(x), y_{1} {\n" + "  ++x;\n" * 130 + "}\n",
     "has 13"),
    ("src/base/method.cc", "class Box {\n  int Size() const noexcept {\n" + "  ++x;\n" * 130 + "  }\n};\n",
     "Size has 132 lines"),
    ("src/base/lambda.cc", "auto F(int a,\n       int b) -> int {\n  auto g = [&] {\n" +
     "  ++a;\n" * 130 + "  };\n}\n", "F has 13"),
    ("bench/big.cc", "TEST(A, B) {\n" + "  ++x;\n" * 130 + "}\n", "TEST has 132 lines"),
    ("src/formats/CMakeLists.txt", "fathom_library(formats SOURCES a.cc DEPS fathom_models)\n",
     "may not link fathom_models"),
    ("src/models/CMakeLists.txt", "fathom_library(models SOURCES a.cc DEPS fathom_autograd)\n",
     "may not link fathom_autograd"),
    ("src/text/CMakeLists.txt", "fathom_library(text SOURCES a.cc TEST_DEPS fathom_engine)\n",
     "may not link fathom_engine"),
]


def self_test():
    failures = list(check_table())

    def run(files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return check(root)

    for problem in run(GOOD):
        failures.append(f"a good file was refused: {problem}")
    for name, text, expected in BAD:
        problems = run({**GOOD, name: text})
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
    problems = check_table() + check(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"layers: {len(ROOMS)} rooms, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
