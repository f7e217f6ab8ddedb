#!/usr/bin/env python3
"""fathom evaluate from outside: its table and its JSON, bad input, and Ctrl-C. Runs the program in
FATHOM_PROGRAM (run_isolated.sh sets it) with tiny random models. Python's standard library only.
"""
import json
import pathlib
import re
import signal
import subprocess
import time
import unittest

from command_line import PROGRAM, SECONDS, CliTest, environment

ADDITION_LEVELS = 4  # docs/tasks.md


class EvaluateTest(CliTest):
    def evaluate(self, *arguments):
        return self.good("evaluate", self.tiny, "--family", "addition", "--problems", 2, "-n", 4,
                         *arguments).decode()

    def test_the_table_has_a_line_for_each_family_and_the_mean(self):
        lines = self.evaluate().splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["family", "addition", "mean"])
        self.assertIn("pass@1", lines[0])
        self.assertNotIn("pass@2", lines[0])
        self.assertIn("pass@2", self.evaluate("--samples", 2).splitlines()[0])

    def test_json_has_shares_and_is_the_same_again(self):
        text = self.evaluate("--samples", 2, "--json")
        first, mean = (json.loads(line) for line in text.splitlines())
        self.assertEqual((first["family"], mean["family"]), ("addition", "mean"))
        self.assertEqual(first["problems"], 2 * ADDITION_LEVELS)
        self.assertEqual(first["truncated"], 1.0)  # 4 tokens, and the model ends nothing by itself
        for line in (first, mean):
            self.assertEqual(line["model"], "tiny")
            self.assertTrue(0 <= line["pass_1"] <= line["pass_k"] <= 1, line)
        self.assertEqual(self.evaluate("--samples", 2, "--json"), text)

    def test_bad_input(self):
        self.bad(2, "nonsense", "evaluate", self.tiny, "--family", "nonsense")
        self.bad(2, "no chat template", "evaluate", self.no_template, "--family", "addition")
        self.bad(2, "there is no file", "evaluate", self.folder / "none.gguf")
        self.bad(2, "--problems", "evaluate", self.tiny, "--problems", 0)

    def wait_until_it_is_caught(self, process, number):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            if int(re.search(r"^SigCgt:\s*(\w+)", status, re.M).group(1), 16) >> (number - 1) & 1:
                return
            time.sleep(0.01)
        self.fail("the program does not catch the signal")

    def test_ctrl_c_ends_it_in_the_middle_of_a_reply(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            # Its first reply would take minutes.
            process = subprocess.Popen(
                [PROGRAM, "--data", str(self.data), "evaluate", str(self.endless), "--family",
                 "addition", "-n", "1000000", "--kernels", "ref"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
            try:
                self.wait_until_it_is_caught(process, number)
                time.sleep(1)  # into the reply
                self.assertIsNone(process.poll())
                process.send_signal(number)
                start = time.monotonic()
                out, _ = process.communicate(timeout=SECONDS)
                self.assertLess(time.monotonic() - start, 10)
                self.assertEqual(process.returncode, code)
                self.assertEqual(out, b"")
            finally:
                process.kill()
                process.wait()


if __name__ == "__main__":
    unittest.main()
