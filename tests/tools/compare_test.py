#!/usr/bin/env python3
"""Tests of bench/compare.py with stand-ins for the benchmarks, which print what the real ones do and
write down in which order they were called."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().parent.parent.parent / "bench" / "compare.py"
STAND_IN = """import pathlib, sys
outputs = sorted(pathlib.Path(sys.argv[1]).glob("*.out"))
print(outputs[0].read_text(), end="")
outputs[0].unlink()
with open(sys.argv[2], "a") as file:
    print(pathlib.Path(sys.argv[1]).name, file=file)
"""


def fathom_bench(*decode):
    return json.dumps({"read_bandwidth_before": 20e9, "read_bandwidth_after": 30e9,
                       "measurements": [{"context": context, "users": 1,
                                         "prefill_tokens_per_second": 1000.0,
                                         "decode_tokens_per_second": speed}
                                        for context, speed in decode]})


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fathom-compare-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "stand_in.py").write_text(STAND_IN)

    def program(self, name, outputs):
        """NAME=COMMAND of a program that prints the next of `outputs` each time."""
        (self.folder / name).mkdir()
        for number, output in enumerate(outputs):
            (self.folder / name / f"{number}.out").write_text(output)
        return f"{name}={sys.executable} {self.folder}/stand_in.py {self.folder}/{name} {self.folder}/calls"

    def compare(self, rounds, *programs):
        command = [sys.executable, COMPARE, "--rounds", str(rounds)]
        for program in programs:
            command += ["--run", program]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def rows(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:1] + lines[2:]]

    def test_runs_take_turns_and_medians_are_compared(self):
        ours = self.program("ours", [fathom_bench((128, speed)) for speed in (90.0, 100.0, 400.0)])
        theirs = self.program("theirs", [json.dumps([{"n_prompt": 0, "n_gen": 64, "n_depth": 128,
                                                      "avg_ts": speed}]) for speed in (50.0, 20.0, 40.0)])
        done = self.compare(3, ours, theirs)
        self.assertEqual(self.rows(done)[0], ["tokens/s", "ours", "theirs", "ours / theirs"])
        self.assertIn(["decode 128", "100.0 (90.0 to 400.0)", "40.0 (20.0 to 50.0)", "2.50"],
                      self.rows(done))
        self.assertIn(["prefill 128", "1000.0 (1000.0 to 1000.0)", "-", "-"], self.rows(done))
        self.assertIn("median 25.0, 20.0 to 30.0", done.stdout)
        self.assertEqual((self.folder / "calls").read_text().split(), ["ours", "theirs"] * 3)

    def test_what_the_planner_foretells_stands_beside_what_is_measured(self):
        step = {"tokens": 1, "tokens_before": 128, "tokens_per_second": 120.0}
        two_users = {"tokens": 2, "tokens_before": 128, "tokens_per_second": 200.0}
        plan = self.program("plan", [json.dumps({"decode": [step, two_users]})])
        bench = self.program("bench", [fathom_bench((128, 100.0), (256, 80.0))])
        rows = self.rows(self.compare(1, plan, bench))
        self.assertIn(["decode 128", "120.0 (120.0 to 120.0)", "100.0 (100.0 to 100.0)", "1.20"], rows)
        self.assertIn(["decode 256", "-", "80.0 (80.0 to 80.0)", "-"], rows)

    def test_many_users_of_llama_cpp(self):
        row = json.dumps({"pp": 128, "tg": 64, "pl": 16, "speed_pp": 224.0, "speed_tg": 155.0})
        found = self.rows(self.compare(1, self.program("peer", [f"main: n_kv_max = 4096\n{row}\n"])))
        self.assertIn(["decode 128, 16 users", "155.0 (155.0 to 155.0)"], found)
        self.assertIn(["prefill 128, 16 users", "224.0 (224.0 to 224.0)"], found)

    def test_other_output_and_failures_name_the_command(self):
        done = self.compare(1, self.program("chat", ["Paris.\n"]))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot read what", done.stderr)
        done = self.compare(1, f"broken={sys.executable} -c 'import sys; sys.exit(3)'")
        self.assertEqual(done.returncode, 1)
        self.assertIn("exit code 3 of", done.stderr)
        self.assertEqual(self.compare(1, "no command").returncode, 2)


if __name__ == "__main__":
    unittest.main()
