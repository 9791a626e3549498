"""What somebody without a password, or with bad luck, must not be able to do to the server."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.support import processes
from tests.support.server import Server, installation


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with installation() as running:
        running.start_web(worker=False)
        yield running


def half_a_request(server: Server, stack: ExitStack) -> None:
    address = urlsplit(server.base_url)
    sock = stack.enter_context(socket.create_connection((address.hostname, address.port), 5))
    sock.sendall(
        b"POST /webhook/tradingview HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )


def answers(server: Server) -> bool:
    try:
        return server.request("/health", seconds=2).status == 200
    except OSError:
        return False


def test_silent_senders_do_not_hold_the_server(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            half_a_request(server, stack)
        processes.wait_until(lambda: answers(server), "the server is free again", 20)


@pytest.mark.parametrize("number", ["1e999999999", "1E+400"])
def test_an_enormous_number_is_refused_at_once(server: Server, number: str) -> None:
    body = f'{{"state":"HALTED","scope":"STRATEGY","strategy_id":{number}}}'.encode()
    answer = server.api(
        "/api/trading-state/", body=body, headers={"Content-Type": "application/json"}, seconds=10
    )
    assert answer.status == 400


def test_a_locked_database_is_said_and_alerts_are_asked_for_again(server: Server) -> None:
    alert = {
        "strategy_name": "locked",
        "symbol": "NSE:INFY",
        "trade_details": {"order_action": "BUY", "quantity": 1, "price": 1500},
    }
    database = sqlite3.connect(server.data_dir / "sigmatrader.sqlite3", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    try:
        answer = server.send_alert(alert)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    finally:
        database.execute("ROLLBACK")
        database.close()
    assert server.send_alert(alert).status == 201


def test_a_script_name_from_outside_changes_no_path(server: Server) -> None:
    assert server.request("/webhook/health", headers={"SCRIPT_NAME": "/webhook"}).status == 404
