#!/usr/bin/env python3
"""Conversations and signals from outside: `chat` through a pipe and on a terminal, Ctrl-C and SIGTERM.

Runs the program in FATHOM_PROGRAM (run_isolated.sh sets it) on tiny random models that tiny_model.py
writes. Python's standard library only; nothing is left behind.
"""
import fcntl
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from command_line import PROGRAM, SECONDS, CliTest, Terminal, environment


class Interrupt(CliTest):
    def test_ends_a_run_and_keeps_what_was_printed(self):
        process = subprocess.Popen(
            [PROGRAM, "run", str(self.endless), "--ctx", str(1 << 20), "--temp", "0", "-p", "x"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        os.read(process.stdout.fileno(), 1)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, error), (130, b""))
        self.assertTrue(out.endswith(b"\n"))

    def test_sigterm_ends_a_run_in_order(self):
        process = subprocess.Popen(
            [PROGRAM, "run", str(self.endless), "--ctx", str(1 << 20), "--temp", "0", "-p", "x"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        os.read(process.stdout.fileno(), 1)
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, error), (143, b""))
        self.assertTrue(out.endswith(b"\n"))

    def test_sigterm_does_not_wait_for_a_reader(self):
        process = subprocess.Popen(
            [PROGRAM, "run", str(self.endless), "--ctx", str(1 << 20), "--temp", "0", "-p", "x"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
        try:
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
            # Until nothing more goes in: the program waits for a reader.
            waiting, still, end = 0, 0, time.monotonic() + SECONDS
            while still < 10 and time.monotonic() < end:
                time.sleep(0.05)
                before = waiting
                waiting = struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"1234"))[0]
                still = still + 1 if waiting == before > 0 else 0
            self.assertEqual(still, 10)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=10), 143)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_closed_pipe_ends_a_run_quietly(self):
        process = subprocess.Popen([PROGRAM, "run", str(self.endless), "--temp", "0", "-p", "x"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertEqual(process.wait(timeout=SECONDS), -signal.SIGPIPE)


class Chat(CliTest):
    def test_a_piped_line_without_end_is_refused(self):
        with open("/dev/zero", "rb") as zeros:
            done = subprocess.run(
                [PROGRAM, "--data", str(self.data), "chat", str(self.tiny)], stdin=zeros,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, env=environment())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"standard input has a line of more than 268435456 bytes", done.stderr)

    def test_piped(self):
        done = self.run_program("chat", self.tiny, "--temp", 0, "-n", 8, "--stats",
                                stdin=b"ab\n\nsecond turn\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"> ", done.stdout)
        stats = re.findall(rb"prompt (\d+) tokens(?: \((\d+) cached\))?", done.stderr)
        self.assertEqual(len(stats), 2, done.stderr)
        # The second turn evaluates only what the first did not leave in the cache.
        self.assertGreaterEqual(int(stats[1][1] or 0), int(stats[0][0]))
        one = self.good("chat", self.tiny, "--temp", 0, "-n", 8, stdin=b"ab\n")
        self.assertTrue(done.stdout.startswith(one))

    def test_piped_commands_and_errors(self):
        saved = self.data / "saved.json"
        done = self.run_program("chat", self.tiny, "--temp", 0, "-n", 4,
                                stdin=f"/system Be brief.\nab\n/save {saved}\n/nonsense\n".encode())
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"there is no command /nonsense", done.stderr)
        messages = json.loads(saved.read_text())["messages"]
        self.assertEqual([m["role"] for m in messages], ["system", "user", "assistant"])
        again = self.run_program("chat", self.tiny, "--load", saved, "-n", 4, "--stats", stdin=b"cd\n")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertGreater(int(re.search(rb"prompt (\d+)", again.stderr).group(1)), 60)

    def test_piped_overflow_is_an_error_and_the_chat_goes_on(self):
        done = self.run_program("chat", self.tiny, "--ctx", 96, "-n", 4, "--temp", 0,
                                stdin=b"x" * 200 + b"\nab\n")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, rb"the prompt has \d+ tokens, the context holds 96")
        self.assertGreater(len(done.stdout), 1)

    def test_broken_bytes_through_a_pipe(self):
        self.good("chat", self.tiny, "-n", 4, stdin=b"a\x00\xff\xfe\n")

    def test_interrupt_stops_the_reply_and_not_the_program(self):
        chat = Terminal("--data", self.data, "chat", self.endless, "--ctx", 1 << 20, "--temp", 0)
        chat.wait_for("> ")
        chat.type("hello\r")
        chat.wait_for("hello")
        chat.wait_for_bytes(200)  # the reply has begun: before, Ctrl-C would only drop the line
        chat.type("\x03")
        chat.wait_for("Stopped.")
        chat.wait_for("> ")
        chat.type("/stats\r")
        chat.wait_for("reply ")
        chat.wait_for("> ")
        # Ctrl-C at the prompt drops the line; a second one soon after leaves.
        time.sleep(1.2)
        chat.type("half a li")
        chat.wait_for("half a li")
        chat.type("\x03")
        chat.wait_for("again")
        chat.wait_for("> ")
        chat.type("\x03")
        self.assertEqual(chat.exit_code(), 0)

    def test_sigterm_at_the_prompt_ends_the_program(self):
        chat = Terminal("--data", self.data, "chat", self.tiny)
        chat.wait_for("> ")
        chat.wait_for_editing()
        chat.type("half a li")
        chat.wait_for("half a li")
        os.kill(chat.pid, signal.SIGTERM)
        self.assertEqual(chat.exit_code(), 143)
        self.assertTrue(chat.cooked_at_the_end)

    def remembers(self, *lines):
        """The newest lines of the history in this data folder, newest first."""
        chat = Terminal("--data", self.data, "chat", self.tiny)
        chat.wait_for("> ")
        for line in lines:
            chat.press("\x15\x1b[A")  # from an empty line: what two have in common is not drawn again
            chat.wait_for(line)
        chat.press("\x15\x04")
        self.assertEqual(chat.exit_code(), 0)

    def test_closing_the_terminal_ends_the_program_and_keeps_the_history(self):
        chat = Terminal("--data", self.data, "chat", self.tiny, "-n", 2, "--temp", 0)
        chat.wait_for("> ")
        chat.type("/system closed\r")
        chat.wait_for("System prompt: closed")
        chat.wait_for("> ")
        os.kill(chat.pid, signal.SIGHUP)
        self.assertEqual(chat.exit_code(), 143)
        self.assertTrue(chat.cooked_at_the_end)
        self.remembers("/system closed")
        # In earnest: there is nobody to write to any more.
        chat = Terminal("--data", self.data, "chat", self.tiny, "-n", 2, "--temp", 0)
        chat.wait_for("> ")
        chat.type("/system gone\r")
        chat.wait_for("System prompt: gone")
        chat.wait_for("> ")
        os.close(chat.fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(chat.pid, 0)[1]), 143)
        self.remembers("/system gone", "/system closed")

    def test_an_ignored_hang_up_stays_ignored(self):
        process = subprocess.Popen(
            ["nohup", PROGRAM, "run", str(self.endless), "--ctx", str(1 << 20), "--temp", "0", "-p", "x"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
        try:
            os.read(process.stdout.fileno(), 1)
            process.send_signal(signal.SIGHUP)
            time.sleep(1)
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SECONDS)
            self.assertEqual(process.returncode, 143)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_two_chats_keep_one_history(self):
        first, second = (Terminal("--data", self.data, "chat", self.tiny) for _ in range(2))
        for chat, name in ((first, "one"), (second, "two")):
            chat.wait_for("> ")
            chat.type(f"/system {name}\r")
            chat.wait_for(f"System prompt: {name}")
            chat.wait_for("> ")
        for chat in (second, first):
            chat.press("\x04")
            self.assertEqual(chat.exit_code(), 0)
        self.remembers("/system two", "/system one")

    def test_sigterm_stops_the_reply_and_the_program(self):
        chat = Terminal("--data", self.data, "chat", self.endless, "--ctx", 1 << 20, "--temp", 0)
        chat.wait_for("> ")
        chat.type("hello\r")
        chat.wait_for("hello")
        chat.wait_for_bytes(200)
        os.kill(chat.pid, signal.SIGTERM)
        chat.wait_for("Stopped.")
        self.assertEqual(chat.exit_code(), 143)
        self.assertTrue(chat.cooked_at_the_end)

    def test_sigterm_ends_a_chat_in_a_pipe(self):
        process = subprocess.Popen(
            [PROGRAM, "--data", str(self.data), "chat", str(self.tiny), "-n", "4"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        process.stdin.write(b"ab\n")
        process.stdin.flush()
        os.read(process.stdout.fileno(), 1)
        time.sleep(1)  # the reply of four tokens ends, and it waits for the next line
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=SECONDS), 143)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()

    def test_a_reply_cannot_steer_the_terminal(self):
        prompts = self.data / "prompts"
        prompts.write_text("ab\n")
        flags = ("--data", self.data, "chat", self.tiny, "-n", 400, "--temp", 2, "--top-p", 1, "--seed", 1)
        through_a_pipe = self.run_program(*flags[2:], stdin=b"ab\n").stdout
        self.assertRegex(through_a_pipe, rb"[\0-\x08\x0b-\x1f\x7f]")  # there is something to keep back
        chat = Terminal(*flags, stdin=prompts)
        self.assertEqual(chat.exit_code(), 0)
        self.assertIn("\ufffd".encode(), chat.screen)
        # The terminal itself writes line breaks as \r\n.
        self.assertNotRegex(chat.screen.replace(b"\r\n", b"\n"), rb"[\0-\x08\x0b-\x1f\x7f]")

    def test_editing_history_and_end(self):
        chat = Terminal("--data", self.data, "chat", self.tiny, "-n", 2, "--temp", 0)
        chat.wait_for("> ")
        chat.type("/system Gr\u00fc\u00dfe \u4f60\u597d\U0001f642x\x7f\r")
        self.assertIn("Gr\u00fc\u00dfe \u4f60\u597d\U0001f642\x1b",
                      chat.wait_for("> ").decode().split("System prompt:")[1])
        chat.type('"""\r')
        chat.wait_for(". ")
        chat.type("/two lines\r")
        chat.wait_for(". ")
        chat.type('in one\r"""\r')
        chat.wait_for("no more tokens are allowed")
        chat.wait_for("> ")
        chat.type("/quit\r")
        self.assertEqual(chat.exit_code(), 0)
        again = Terminal("--data", self.data, "chat", self.tiny)
        again.wait_for("> ")
        again.press("\x1b[A\x1b[A")
        again.wait_for('"""')
        again.press("\x15\x04")
        self.assertEqual(again.exit_code(), 0)

    def test_unwritable_data_folder_does_not_matter(self):
        # At a terminal: there alone a history is kept.
        chat = Terminal("--data", "/proc/none", "chat", self.tiny, "-n", 2, "--temp", 0)
        chat.wait_for("> ")
        chat.type("/system Be brief.\r")
        chat.wait_for("System prompt: Be brief.")
        chat.wait_for("> ")
        chat.type("/quit\r")
        self.assertEqual(chat.exit_code(), 0)
        self.assertNotIn(b"fathom:", chat.screen)


if __name__ == "__main__":
    unittest.main()
