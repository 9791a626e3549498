"""`manage.py up` as its user meets it."""

import os
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path

from tests.support import processes
from tests.support.server import Server, ServerFactory

PASSWORD = re.compile(r"Password\s+(\S+)\s+\(shown this once\)")


def children(pid: int) -> dict[str, int]:
    """The processes below `pid`, by a word of their command line."""
    return {
        "web" if "gunicorn" in command else "worker": child
        for child, command in processes.children(pid).items()
    }


def is_ready(server: Server) -> bool:
    try:
        return server.request("/health/ready").status == 200
    except OSError:
        return False


def stop(server: Server, end: signal.Signals) -> None:
    """A stop ends everything: nothing of what ran is left."""
    processes.wait_until(lambda: is_ready(server), "web and worker are up", 30)
    below = children(server.processes["up"].pid)
    server.stop("up", end)
    assert not [pid for pid in below.values() if Path(f"/proc/{pid}").exists()]


def test_the_first_start_prints_what_a_user_needs(make_server: ServerFactory) -> None:
    server = make_server(environment={"ST_ADMIN_PASSWORD": ""}, migrated=False)
    printed = server.log()
    password = PASSWORD.search(printed)
    assert password is not None
    assert "Log in as      admin" in printed
    assert f"{server.base_url}/webhook/tradingview" in printed
    assert server.webhook_secret not in printed
    data = server.data_dir
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secrets.env").stat().st_mode) == 0o600
    stop(server, signal.SIGINT)
    before = len(server.log())
    server.start_web()
    assert PASSWORD.search(server.log()[before:]) is None


def test_a_generated_secret_is_used_by_the_printed_curl(make_server: ServerFactory) -> None:
    server = make_server(environment={"ST_TRADINGVIEW_WEBHOOK_SECRET": ""})
    lines = server.log().splitlines()
    start = next(number for number, line in enumerate(lines) if "curl -X POST" in line)
    command = "\n".join(lines[start : start + 4])
    answer = subprocess.run(
        ["sh", "-c", f"{command} --silent --show-error"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert '"status":"accepted"' in answer.replace('": "', '":"')
    secret = (server.data_dir / "secrets.env").read_text()
    assert secret.split("WEBHOOK_SECRET=")[1].split()[0] not in server.log()


def test_what_dies_is_started_again_until_a_stop(make_server: ServerFactory) -> None:
    server = make_server()
    processes.wait_until(lambda: is_ready(server), "web and worker are up", 30)
    before = children(server.processes["up"].pid)
    assert set(before) == {"web", "worker"}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def restarted() -> bool:
        now = children(server.processes["up"].pid)
        return set(now) == {"web", "worker"} and not set(now.values()) & set(before.values())

    processes.wait_until(restarted, "both run again", 30)
    stop(server, signal.SIGTERM)


def test_a_taken_port_is_said_with_the_variables_name(make_server: ServerFactory) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        server = make_server(start=False, environment={"ST_PORT": port})
        process = server.start("up", "up")
        processes.wait_until(lambda: process.poll() is not None, "it gives up", 30)
        assert process.returncode != 0
        assert f"ST_PORT={port}" in server.log()


def test_a_wrong_value_stops_the_start_without_a_traceback(make_server: ServerFactory) -> None:
    server = make_server(start=False, environment={"ST_WORKER_POLL_MS": "fast"})
    process = server.start("up", "up")
    processes.wait_until(lambda: process.poll() is not None, "it gives up", 30)
    assert process.returncode != 0
    assert "ST_WORKER_POLL_MS" in server.log()
    assert "Traceback" not in server.log()
