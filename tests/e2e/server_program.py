"""What the tests of the server share: a running `fathom serve` and the model it serves."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

import tiny_model


class Program:
    """A running `fathom serve` on a free port."""

    def __init__(self, program, model, extra):
        self.process = subprocess.Popen(
            [program, "serve", "--model", model, "--port", "0"] + extra,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            found = re.search(r"http://([0-9.]+):(\d+)", line)
            if found:
                self.host, self.port = found.group(1), int(found.group(2))
                break
        else:
            raise SystemExit("the server did not start:\n" + "".join(self.lines))
        # What else it prints must not fill the pipe.
        threading.Thread(target=lambda: self.process.stdout.read(), daemon=True).start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise SystemExit("the server did not stop within 20 s")


@contextlib.contextmanager
def model_file(path=None):
    """The path of the model to test with and whether it is a real one: the given file, that of
    FATHOM_MODEL, or a tiny random one that is deleted afterwards."""
    path = path or os.environ.get("FATHOM_MODEL")
    if path:
        yield path, True
        return
    with tempfile.TemporaryDirectory() as folder:
        yield str(tiny_model.write(pathlib.Path(folder) / "tiny.gguf")), False
