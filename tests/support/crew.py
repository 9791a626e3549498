"""The worker processes of a rig: started, forked, stopped, hung and killed."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from django.conf import settings
from django.db import OperationalError

from brokers.models import BrokerConnection
from sigmatrader.db import Busy, write_transaction
from tests.support import processes
from tests.support.databases import database_url
from tests.support.nursery import Nursery
from tests.support.processes import Process

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT = 0.3
GRACE = 1.0
QUICK = {
    "ST_BROKER_TIMEOUT_SECONDS": str(TIMEOUT),
    "ST_LEASE_MARGIN_SECONDS": "0.9",
    "ST_RECONCILE_INTERVAL_SECONDS": "0.1",
    "ST_RECONCILE_GRACE_SECONDS": str(GRACE),
    "ST_WORKER_POLL_MS": "20",
    "ST_BROKER_READS_PER_SECOND": "0",
}
_STARTED_WITHIN = 30.0
_ENDING_SECONDS = 20


def worker_environment(overrides: Mapping[str, str], offset: float) -> dict[str, str]:
    """For a worker on this process's database and data folder, `offset` seconds ahead."""
    return {
        **processes.environment_of(settings.ST.DATA_DIR),
        "ST_DATABASE_URL": database_url(),
        "ST_CLOCK_OFFSET_SECONDS": str(offset),
        **QUICK,
        **overrides,
    }


def _wait(condition: Callable[[], object], what: str, seconds: float = _STARTED_WITHIN) -> None:
    processes.wait_until(condition, what, seconds, every=0.02)


class Crew:
    """Workers by name, all with one environment. Their logs lie in the data folder."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.workers: dict[str, Process] = {}
        self._nursery: Nursery | None = None

    def start(self, name: str = "worker") -> None:
        """Start `manage.py worker` and wait until it is ready."""
        line = [sys.executable, str(REPOSITORY / "manage.py"), "worker"]
        self.log_path(name).unlink(missing_ok=True)
        self.workers[name] = processes.start(
            line, log=self.log_path(name), environment=self.environment, folder=REPOSITORY
        )
        self._until_ready(name)

    def fork(
        self,
        name: str = "worker",
        step: str = "",
        act: str = "die",
        *,
        hold: Path | None = None,
        ready: bool = True,
    ) -> None:
        """The same, quickly. With a `step` it dies or fails there, or waits until `hold` exists."""
        if self._nursery is None:
            self._nursery = Nursery(self.environment, self.log_path("nursery"))
        self.log_path(name).unlink(missing_ok=True)
        self.workers[name] = self._nursery.fork(
            self.log_path(name), step, "hold" if hold else act, str(hold or "")
        )
        if ready and not step:
            self._until_ready(name)

    def _until_ready(self, name: str) -> None:
        process = self.workers[name]
        _wait(
            lambda: "is ready" in self.log(name) or self._ended(process, name), f"{name} is ready"
        )

    def _ended(self, process: Process, name: str) -> bool:
        if process.poll() is not None:
            raise AssertionError(f"{name} ended with {process.returncode}:\n{self.log(name)}")
        return False

    def log_path(self, name: str) -> Path:
        return Path(settings.ST.DATA_DIR) / f"rig-{os.getpid()}-{name}.log"

    def log(self, name: str = "worker") -> str:
        path = self.log_path(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self) -> str:
        """The end of every worker's log."""
        return "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self.workers)

    def stop(self, name: str = "worker", end_signal: int = signal.SIGTERM) -> int:
        """End it and wait; its exit code."""
        process = self.workers.pop(name)
        if process.poll() is None and end_signal != signal.SIGKILL:
            process.send_signal(signal.SIGCONT)
        return processes.stop(process, end_signal, _ENDING_SECONDS)

    def kill(self, name: str = "worker") -> None:
        """kill -9: no goodbye."""
        self.stop(name, signal.SIGKILL)

    def pause(self, name: str = "worker") -> None:
        """SIGSTOP: it hangs, at a moment at which it does not hold the database."""
        process = self.workers[name]

        def stopped() -> bool:
            process.send_signal(signal.SIGSTOP)
            try:
                with write_transaction(0.1):
                    list(BrokerConnection.objects.select_for_update(nowait=True))
            except (Busy, OperationalError):
                process.send_signal(signal.SIGCONT)
                return False
            return True

        _wait(stopped, f"{name} stops")

    def go_on(self, name: str = "worker") -> None:
        self.workers[name].send_signal(signal.SIGCONT)

    def wait_for_death(self, name: str, seconds: float = _STARTED_WITHIN) -> None:
        """Until it has been killed by a signal of its own making."""
        process = self.workers.pop(name)
        try:
            _wait(lambda: process.poll() is not None, f"{name} dies", seconds)
        finally:
            processes.stop(process, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, self.log(name)

    def close(self) -> None:
        """End every worker."""
        for name in list(self.workers):
            self.stop(name)
        self.close_nursery()

    def close_nursery(self) -> None:
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None
