"""The totals that `make test` closes with."""

import pytest

from scripts.suite import Result, read_result

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="0" tests="10" time="1"/>
</testsuites>"""


def test_errors_count_as_failures(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert read_result(report, 1) == Result(passed=7, failed=3, skipped=0, exit_code=1)


@pytest.mark.parametrize("exit_code", [2, 3, 4, 5, -9])
def test_a_run_that_ended_badly_without_a_failing_test_is_a_failure(tmp_path, exit_code):
    result = read_result(tmp_path / "never-written.xml", exit_code)
    assert result == Result(passed=0, failed=1, skipped=0, exit_code=exit_code)


def test_the_total_of_two_runs_fails_when_either_does():
    good, bad = Result(5, 0, 0, 0), Result(3, 1, 0, 1)
    assert good + bad == bad + good == Result(8, 1, 0, 1)


def test_the_closing_line_is_plain():
    assert str(Result(12, 0, 0, 0)) == "12 passed, 0 failed"
    assert str(Result(12, 1, 2, 1)) == "12 passed, 1 failed, 2 skipped"
