"""Child processes of the tests: started in a session of their own, ended by id."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

_PR_SET_PDEATHSIG = 1


def _die_with_parent(end_signal: int) -> Callable[[], None] | None:
    """On Linux the kernel signals the child when this process dies, however it dies."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, end_signal)

    return before_exec


def environment_of(data_dir: str | Path) -> dict[str, str]:
    """For a process of the product: nothing of the caller's own ST_* settings, nor its .env."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ST_", "DJANGO_", "PYTEST_", "COV_"))
    }
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "ST_ENV_FILE": os.devnull,
        "ST_ENVIRONMENT": "test",
        "ST_DATA_DIR": str(data_dir),
    }


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user: str | int | None = None,
    group: str | int | None = None,
    end_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` with its output appended to `log`; a Ctrl-C of ours does not reach it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=folder,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            start_new_session=True,
            preexec_fn=_die_with_parent(end_signal),  # noqa: PLW1509 no threads touch it
        )


def _living() -> Iterator[tuple[int, int, int]]:
    """Every living process (Linux; elsewhere none): its id, its parent, its session."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the program's name in brackets: state, parent, group, session.
            state, parent, _, session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # it has just ended
        if state != "Z":
            yield int(path.parent.name), int(parent), int(session)


def session_members(leader: int) -> list[int]:
    """The ids of the living processes of a session.

    A supervisor gives each child a process group of its own; the session stays.
    """
    return [pid for pid, _, session in _living() if session == leader]


def children(parent: int) -> dict[int, str]:
    """The living children of a process: their command lines by id."""
    found: dict[int, str] = {}
    for pid, of, _ in _living():
        if of == parent:
            with suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                found[pid] = line.strip()
    return found


class Process(Protocol):
    """What is used of a child, whoever its parent is."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> Any: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int | None: ...

    def send_signal(self, sig: int, /) -> None: ...

    def kill(self) -> None: ...


def stop(process: Process, end_signal: int = signal.SIGTERM, seconds: float = 45) -> int:
    """End it with `end_signal` and wait; what is left of its session then goes by force.

    The exit code is the process's own: -9 when it had to be killed.
    """
    if process.poll() is None:
        process.send_signal(end_signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in session_members(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return int(process.returncode)


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], object], what: str, seconds: float = 30, every: float = 0.05
) -> None:
    """Return when `condition()` is true; TimeoutError naming `what` when that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(every)
