"""`make test`: everything on SQLite, then the tests marked `db_backends` on PostgreSQL.

The last line printed is the total of both, `N passed, N failed`. PYTEST_ADDOPTS adds options. An
action that the pages offer and no browser did counts as a failure, unless options chose tests.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from scripts import machine
from tests.support.actions import FOLDER_VARIABLE
from tests.support.postgres import CLUSTER_VARIABLE, Cluster, temporary_cluster
from tests.support.programs import ProgramMissing

_INTERRUPTED = 130
_ENDING_SECONDS = 30


@dataclass(frozen=True)
class Result:
    passed: int
    failed: int
    skipped: int
    exit_code: int

    def __add__(self, other: "Result") -> "Result":
        return Result(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.exit_code or other.exit_code,
        )

    def __str__(self) -> str:
        line = f"{self.passed} passed, {self.failed} failed"
        return f"{line}, {self.skipped} skipped" if self.skipped else line


def read_result(report: Path, exit_code: int) -> Result:
    """Counts from a JUnit report. A run that failed without a failing test counts one failure.

    That is also how a run that found no test ends: pytest's exit code 5 is not a success.
    """
    passed = failed = skipped = 0
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):
            counts = {
                name: int(suite.get(name, "0"))
                for name in ("tests", "failures", "errors", "skipped")
            }
            failed += counts["failures"] + counts["errors"]
            skipped += counts["skipped"]
            # A test that passed and then failed to clean up is reported as both.
            passed += max(
                0, counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
            )
    if exit_code != 0 and failed == 0:
        failed = 1
    return Result(passed, failed, skipped, exit_code)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pytest(work: Path, name: str, options: list[str], environment: Mapping[str, str]) -> Result:
    report = work / f"{name}.xml"
    command = [
        sys.executable, "-m", "pytest", "-q",
        # One more than cores: many tests wait for a process, a browser or a timeout.
        "--numprocesses", str(min(4, (os.cpu_count() or 2) + 1)),
        # Modules stay whole; the slow ones begin (conftest.py), so that none is left over alone.
        "--dist", "loadscope", "--no-loadscope-reorder",
        "--junit-xml", str(report), *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env={**os.environ, **environment})
    try:
        exit_code = process.wait()
    except KeyboardInterrupt:
        # A Ctrl-C reaches pytest too, which ends its servers and browsers before it goes.
        _wait_or_kill(process)
        raise
    except SystemExit:
        process.send_signal(signal.SIGINT)
        _wait_or_kill(process)
        raise
    return read_result(report, exit_code)


def _of_actions(done: Path) -> Result:
    # In a process of its own, with the settings of the tests.
    command = [sys.executable, "-m", "tests.support.actions", str(done)]
    failed = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0
    return Result(passed=int(not failed), failed=int(failed), skipped=0, exit_code=int(failed))


def _run_both(work: Path, cluster: Cluster) -> Result:
    shared = {"TMPDIR": str(work), CLUSTER_VARIABLE: cluster.known_by}
    done = work / "actions"
    done.mkdir()
    print("On SQLite, everything:", flush=True)
    result = _pytest(work, "sqlite", [], {**shared, FOLDER_VARIABLE: str(done)})
    if not os.environ.get("PYTEST_ADDOPTS"):
        result += _of_actions(done)
    print("On PostgreSQL, what touches the database:", flush=True)
    url = {"ST_TEST_DATABASE_URL": cluster.url("sigmatrader")}
    return result + _pytest(work, "postgres", ["-m", "db_backends"], shared | url)


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal_number)


def main() -> int:
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _stop)
    started = time.monotonic()
    try:
        machine.provide()
        # A short path: sockets live below it, and their paths have 107 bytes at most.
        with temporary_cluster() as cluster, tempfile.TemporaryDirectory(prefix="st-") as work:
            result = _run_both(Path(work), cluster)
    except ProgramMissing as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return _INTERRUPTED
    print(f"In {time.monotonic() - started:.0f} s, both databases together:")
    print(result, flush=True)
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
