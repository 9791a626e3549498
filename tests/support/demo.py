"""`manage.py demo` as a process on free ports, and its pages for a browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import processes
from tests.support.server import REPOSITORY, Server

START_SECONDS = 90


@dataclass
class Demo:
    """A running demo: its pages as a server to log in to, and what it has printed."""

    server: Server
    broker_url: str
    log_path: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def printed(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_until_told(self, text: str, seconds: float = 60) -> None:
        """Return when a printed line matches `text`, a regular expression."""

        def told() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"the demo ended:\n{self.printed()}")
            return re.search(text, self.printed()) is not None

        try:
            processes.wait_until(told, text, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}:\n{self.printed()}") from None


@contextmanager
def demo(folder: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[Demo]:
    """The demo in `folder`, once its pages answer. `environment` is added to the caller's own."""
    port, broker_port = processes.free_port(), processes.free_port()
    arguments = ("--port", str(port), "--broker-port", str(broker_port), "--data-dir", folder)
    log = folder.with_name(f"{folder.name}.log")
    process = processes.start(
        [sys.executable, REPOSITORY / "manage.py", "demo", *arguments, *options],
        log=log,
        environment={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        folder=REPOSITORY,
    )
    server = Server(folder, f"http://127.0.0.1:{port}", {}, admin_password="", webhook_secret="")
    running = Demo(server, f"http://127.0.0.1:{broker_port}", log, process)
    try:
        running.wait_until_told("Ctrl-C stops everything", START_SECONDS)
        found = re.search(r"Password +(\S+)", running.printed())
        assert found is not None
        server.admin_password = found[1]
        processes.wait_until(lambda: _answers(server), "the pages answer", START_SECONDS)
        yield running
    finally:
        processes.stop(process)


def _answers(server: Server) -> bool:
    try:
        return server.request("/health").status == 200
    except OSError:
        return False
