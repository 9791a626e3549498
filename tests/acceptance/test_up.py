"""`manage.py up`: what `make run` ends in, on both databases."""

import stat

import pytest

from tests.support import processes
from tests.support.server import DATABASES


@pytest.mark.parametrize("database", DATABASES)
def test_up_answers_and_ends_cleanly(make_server, database):
    server = make_server(database)
    answer = server.request("/health")
    assert answer.status == 200
    assert answer.json() == {
        "status": "ok",
        "service": "SigmaTrader API",
        "environment": "test",
    }
    # Web and worker are the supervisor's children, in its session.
    supervisor = server.processes["up"].pid
    assert len(processes.session_members(supervisor)) >= 3
    assert server.stop("up") == 0
    assert processes.session_members(supervisor) == []


def test_a_second_up_on_the_same_port_says_which_setting_to_change(make_server):
    server = make_server(worker=False)
    second = server.start("second", "up")
    assert second.wait(60) != 0
    assert "ST_PORT" in server.log("second")
    assert server.request("/health").status == 200


def test_what_is_generated_is_private(make_server):
    server = make_server(worker=False)
    secrets = server.data_dir / "secrets.env"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    assert server.admin_password not in server.log()
    assert server.webhook_secret not in server.log()


@pytest.mark.parametrize("database", DATABASES)
def test_an_alert_goes_all_the_way_to_a_filled_paper_order(make_server, database):
    server = make_server(database)
    accepted = server.send_alert(
        {
            "strategy_name": "somebody's first",
            "symbol": "NSE:INFY",
            "trade_details": {"order_action": "BUY", "quantity": 1, "price": 1500},
        }
    )
    assert accepted.status == 201, accepted.body
    order_id = accepted.json()["order_id"]
    assert accepted.json()["order_status"] == "WAITING"
    executed = server.api(f"/api/orders/{order_id}/execute/", data={})
    assert executed.status in (200, 202), executed.body
    order = server.wait_for_order(order_id, "EXECUTED")
    assert (order["filled_qty"], order["simulated"]) == (1, True)
