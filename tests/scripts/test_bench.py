"""The benchmark runs, and prints a ratio for each thing that it measures."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_short_run_prints_a_ratio_for_engine_picture_and_claim():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.bench", "--most", "1000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = re.findall(r"^(\w+).* ([0-9.]+) × (?:json|one row)", done.stdout, re.MULTILINE)
    assert [name for name, _ in measured] == ["engine", "picture", "claim"]
    assert all(float(ratio) > 0 for _, ratio in measured)
    grown = re.findall(r"^([a-z ]+) after .* × the one after", done.stdout, re.MULTILINE)
    assert grown == ["picture", "claim", "report", "day added up"]
