"""What the tests of the command line share: the program with tiny random models, through pipes and on a
pseudo-terminal. Runs the program in FATHOM_PROGRAM (run_isolated.sh sets it)."""
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import tempfile
import termios
import time
import unittest

import tiny_model

PROGRAM = os.environ["FATHOM_PROGRAM"]
SECONDS = 120  # for anything, on a machine that is busy


def environment():
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    env.pop("FATHOM_API_KEY", None)
    env.pop("HF_TOKEN", None)
    env["LC_ALL"] = "C.UTF-8"
    return env


class CliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="fathom-cli-")
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.tiny = tiny_model.write(cls.folder / "tiny.gguf")
        cls.small_context = tiny_model.write(cls.folder / "short.gguf", context=64)
        cls.no_template = tiny_model.write(cls.folder / "plain.gguf", chat=False)
        cls.endless = tiny_model.write(cls.folder / "endless.gguf", context=1 << 20)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def setUp(self):
        self.data = pathlib.Path(tempfile.mkdtemp(dir=self.folder))

    def run_program(self, *arguments, stdin=b"", **options):
        return subprocess.run(
            [PROGRAM, "--data", str(self.data), *map(str, arguments)], input=stdin,
            stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
            timeout=SECONDS, env=environment(), **options)

    def good(self, *arguments, stdin=b""):
        done = self.run_program(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def good_json(self, *arguments, stdin=b""):
        return json.loads(self.good(*arguments, "--json", stdin=stdin))

    def bad(self, code, pattern, *arguments, stdin=b"", **options):
        """Ends with this code and one line on standard error that matches."""
        done = self.run_program(*arguments, stdin=stdin, **options)
        error = done.stderr.decode()
        self.assertEqual(done.returncode, code, error)
        self.assertEqual(error.count("\n"), 1, error)
        self.assertTrue(error.startswith("fathom: "), error)
        self.assertRegex(error, pattern)
        return error


class Terminal:
    """The program on a pseudo-terminal."""

    def __init__(self, *arguments, stdin=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = environment()
            env["TERM"] = "xterm"
            if stdin is not None:
                os.dup2(os.open(stdin, os.O_RDONLY), 0)
            os.execve(PROGRAM, [PROGRAM, *map(str, arguments)], env)
        self.screen = b""

    def is_cooked(self):
        """Whether the terminal edits and echoes lines itself, as a shell wants it."""
        wanted = termios.ICANON | termios.ECHO
        return termios.tcgetattr(self.fd)[3] & wanted == wanted

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for_editing(self):
        """Until the program edits the line itself, which it begins to do just after it has shown its
        prompt."""
        deadline = time.monotonic() + SECONDS
        while self.is_cooked() and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not self.is_cooked(), self.screen

    def press(self, key):
        """A key with a meaning of its own, such as Ctrl-D: it has that only while a line is edited."""
        self.wait_for_editing()
        self.type(key)

    def wait_for(self, text, seconds=SECONDS):
        """What came up to and with `text`; forgets it."""
        deadline = time.monotonic() + seconds
        while text.encode() not in self.screen:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text!r} did not come; the screen has {self.screen[-2000:]!r}")
            try:
                self.screen += os.read(self.fd, 65536)
            except OSError as error:
                raise AssertionError(f"{text!r} did not come: {self.screen[-2000:]!r}") from error
        seen, self.screen = self.screen.split(text.encode(), 1)
        return seen + text.encode()

    def wait_for_bytes(self, count):
        """Until so many have come that nothing has waited for."""
        deadline = time.monotonic() + SECONDS
        while len(self.screen) < count and time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.05)[0]:
                self.screen += os.read(self.fd, 65536)
        assert len(self.screen) >= count, self.screen

    def read_what_is_there(self, seconds):
        try:
            if not select.select([self.fd], [], [], seconds)[0]:
                return False
            seen = os.read(self.fd, 65536)
            self.screen += seen
            return len(seen) > 0
        except OSError:  # the program has closed its side
            return False

    def exit_code(self):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            self.read_what_is_there(0.05)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                while self.read_what_is_there(0):
                    pass
                self.cooked_at_the_end = self.is_cooked()
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("the program did not end")
