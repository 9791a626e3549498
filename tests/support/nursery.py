"""Worker processes in no time: one process that has loaded everything, and forks a worker.

`python -m tests.support.nursery` reads a request per line, `{"log": path, "step": …, "act": …}`,
and tells of every worker `{"pid": …}` and, when it ends, `{"pid": …, "code": …}`.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
ON_PAPER = "die on paper"


class Forked:
    """A worker of a nursery, as far as a `subprocess.Popen` is used of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.ended = threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The parent's end. `close` ends it and every worker of it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.nursery"],
                env=dict(environment),
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                text=True,
            )
        self._born: queue.Queue[Forked | None] = queue.Queue()
        self._workers: dict[int, Forked] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def fork(self, log: Path, step: str = "", act: str = "die", marker: str = "") -> Forked:
        """A new worker; with a `step` of tests.support.steps, one that dies or holds there.

        With the act ON_PAPER the step is one of tests.support.paper_steps.
        """
        assert self._process.stdin is not None
        request = {"log": str(log), "step": step, "act": act, "marker": marker}
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            born = self._born.get(timeout=60)
        except BrokenPipeError:
            born = None
        if born is None:
            raise RuntimeError(f"the nursery has ended: {self._log.read_text()[-3000:]}")
        return born

    def close(self) -> None:
        for worker in list(self._workers.values()):
            worker.kill()
            worker.wait(30)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(30)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "code" not in told:
                worker = Forked(told["pid"])
                self._workers[worker.pid] = worker
                self._born.put(worker)
            else:
                worker = self._workers.pop(told["pid"])
                worker.returncode = told["code"]
                worker.ended.set()
        self._born.put(None)


def _tell(**told: Any) -> None:
    os.write(1, (json.dumps(told) + "\n").encode())


def _reap(*_: FrameType | int | None) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell(pid=pid, code=os.waitstatus_to_exitcode(status))


def _work(request: Mapping[str, str]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    from tests.support import paper_steps, steps
    from trading.services.worker import Worker

    if request["step"]:
        if request["act"] == ON_PAPER:
            paper_steps.arm(request["step"])
        else:
            steps.arm(request["step"], request["act"], request["marker"])
        Worker(senders=1).run()
    else:
        Worker().run()


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "sigmatrader.settings"
    import django

    django.setup()
    import kiteconnect  # noqa: F401 the slow part of a worker's first call

    import trading.services.worker  # noqa: F401

    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            code = 1
            try:
                _work(json.loads(line))
                code = 0
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _tell(pid=pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


if __name__ == "__main__":
    main()
