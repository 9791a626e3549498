"""The simulator in a test's hand: /_sim/, the journal, and `manage.py kitesim` as a process."""

import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest
import requests

from brokers.simulator import faults
from tests.support import kite
from tests.support.processes import wait_until


@pytest.fixture
def sim():
    with kite.simulator(rate_limits=False) as running:
        yield running


def ask(sim, method, name, **more):
    answer = requests.request(method, f"{sim.root}/_sim/{name}", timeout=5, **more)
    return answer.status_code, answer.json()


def test_the_state_says_where_and_how(sim):
    sim.login()
    status, state = ask(sim, "GET", "state")
    assert status == 200
    assert state["root"] == sim.root
    assert state["users"] == ["SIM001", "SIM002"]
    assert state["sessions"] == ["SIM001"]
    assert datetime.fromisoformat(state["clock"]["now"]).utcoffset().total_seconds() == 19_800
    assert kite.API_SECRET not in str(state)


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("price", {"exchange": "NSE", "tradingsymbol": "INFY"}, "price: is missing"),
        ("price", {"exchange": "NSE", "tradingsymbol": "INFY", "price": "x"}, "price: 'x'"),
        ("price", {"price": 1}, "exchange: is missing"),
        ("clock", {"advance": "x"}, "advance: give a number"),
        ("clock", {"speed": 0}, "speed: "),
        ("clock", {"set": "yesterday"}, "set: "),
        ("clock", {"set": "2026-11-16T10:00:00"}, "set: "),
        ("faults", {"call": "nothing", "script": [None]}, "'nothing' is no call"),
        ("faults", {"call": "place", "script": [{"kind": "nothing"}]}, "'nothing' is none of"),
        ("faults", {"call": "place", "always": None}, "a fault is needed"),
        ("behaviour", {"nothing": 1}, "unknown behaviour 'nothing'"),
        ("behaviour", {"user_id": "SIM009"}, "user_id: there are SIM001, SIM002"),
        ("postbacks", {"drop": "many"}, "drop: "),
        ("limit-depth", {"units": "x"}, "units: "),
        ("refuse-connections", {}, "seconds: give a number"),
        ("rate-limits", {}, "enabled: is missing"),
        ("place-outside", {}, ""),
    ],
)
def test_mistakes_are_named(sim, name, body, words):
    status, answer = ask(sim, "POST", name, json=body)
    assert status == 400
    assert words in answer["error"]


def test_control_is_not_for_forms_or_guesses(sim):
    assert ask(sim, "POST", "expire-sessions", data={"a": "b"})[0] == 400
    assert (
        ask(sim, "POST", "price", data="[1]", headers={"Content-Type": "application/json"})[0]
        == 400
    )
    assert ask(sim, "GET", "nothing")[0] == 404
    assert ask(sim, "GET", "journal", params={"since": "x"})[0] == 400


def test_the_journal_counts_calls_and_keeps_no_secrets(sim):
    client = kite.client(sim.root)
    request_token = sim.request_token()
    client.generate_session(request_token, kite.API_SECRET)
    order_id = client.place_order(**kite.an_order(tag="seen"))
    client.orders()
    client.invalidate_access_token()
    _, entries = ask(sim, "GET", "journal")
    assert [entry["call"] for entry in entries] == ["token", "place", "orders", "logout"]
    placed = entries[1]
    assert (placed["method"], placed["path"]) == ("POST", "/orders/regular")
    assert placed["form"]["tag"] == "seen"
    assert (placed["user_id"], placed["outcome"], placed["fault"]) == ("SIM001", "200", "")
    assert sim.journal.count("place") == 1
    assert ask(sim, "GET", "journal", params={"since": 2, "call": "orders"})[1] == [entries[2]]
    for secret in (request_token, client.access_token, kite.API_SECRET):
        assert secret not in str(entries)
    assert order_id


def test_a_request_is_in_the_journal_before_it_is_answered(sim):
    sim.faults.script("orders", faults.slow(0.3))
    sent = kite.headers(sim)
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{sim.root}/orders", headers=sent, timeout=0.1)
    assert sim.journal.entries("orders")[0].fault == "slow"


def test_both_users_trade_at_one_price(sim):
    sim.exchange.close_market()
    body = {"exchange": "NSE", "tradingsymbol": "INFY", "price": "1523.40"}
    ask(sim, "POST", "close", json={})
    assert ask(sim, "POST", "price", json=body)[0] == 200
    for user_id in ("SIM001", "SIM002"):
        client = kite.logged_in(sim, user_id)
        assert client.ltp("NSE:INFY")["NSE:INFY"]["last_price"] == 1523.4


def test_fills_shares_and_triggers_are_changed_from_outside(sim):
    shares = {"exchange": "NSE", "tradingsymbol": "INFY", "quantity": 7, "average_price": "1450.5"}
    assert ask(sim, "POST", "deposit", json=shares)[0] == 200
    client = kite.logged_in(sim)
    assert [(row["quantity"], row["average_price"]) for row in client.holdings()] == [(7, 1450.5)]
    order_id = client.place_order(**kite.an_order(quantity=2))
    wait_until(lambda: client.order_trades(order_id), "it fills")
    revised = {"order_id": order_id, "average_price": "1501.25"}
    assert ask(sim, "POST", "revise", json=revised)[0] == 200
    assert client.order_history(order_id)[-1]["average_price"] == 1501.25
    leg = {"transaction_type": "SELL", "quantity": 1, "order_type": "LIMIT", "product": "CNC"}
    placed = client.place_gtt("single", "INFY", "NSE", [1400], 1500, [{**leg, "price": 1399}])
    ending = {**placed, "status": "cancelled"}
    assert ask(sim, "POST", "end-trigger", json=ending)[0] == 200
    assert client.get_gtt(placed["trigger_id"])["status"] == "cancelled"


def test_time_passes_when_nobody_asks():
    """A limit order fills, and is pushed, though no request comes."""
    with kite.simulator(rate_limits=False) as sim:
        told = []
        sim.exchange.on_update = told.append
        kite.logged_in(sim).place_order(**kite.an_order())
        wait_until(lambda: told, "the exchange ticks")
        assert told[-1]["status"] == "COMPLETE"


@pytest.fixture(scope="module")
def process():
    with kite.simulator_process("--no-rate-limits", "--seed", "5") as control:
        yield control


@pytest.fixture
def control(process):
    yield process
    process.clear_faults()
    process.behaviour(clear=True)
    process.clock(frozen=False)


def test_the_command_prints_its_root_alone(process):
    assert process.printed() == f"{process.root}\n"
    assert process.root.startswith("http://127.0.0.1:")
    assert process.state()["root"] == process.root


def test_the_official_client_trades_with_the_process(control):
    client = control.client()
    order_id = client.place_order(**kite.an_order(tag="process"))
    wait_until(
        lambda: client.order_history(order_id)[-1]["status"] == "COMPLETE", "the order fills"
    )
    told = [order for order in control.ledger()["orders"] if order["order_id"] == order_id]
    assert [(order["tag"], order["status"]) for order in told] == [("process", "COMPLETE")]
    assert control.journal("place")[-1]["outcome"] == "200"


def test_faults_are_scripted_from_outside(control):
    client = control.client()
    before = len(control.ledger()["orders"])
    control.fault("place", faults.slow(0.1, then=faults.reset_after_accept()), None)
    with pytest.raises(requests.ConnectionError):
        client.place_order(**kite.an_order())
    assert len(control.ledger()["orders"]) == before + 1
    assert client.place_order(**kite.an_order())
    control.always("orders", faults.refuse_status(502, "html"))
    for _ in range(2):
        with pytest.raises(Exception, match="502"):
            client.orders()
    control.seeded_faults(1, {faults.token_exception(): 1.0}, ["profile"])
    from kiteconnect.exceptions import TokenException

    with pytest.raises(TokenException):
        client.profile()
    control.clear_faults()
    assert client.profile()
    assert client.orders()


def test_the_exchange_is_handled_from_outside(control):
    client = control.client()
    control.price("NSE", "INFY", "1500")
    control.behaviour(reject_async="RMS: no", times={"reject_async": 2})
    placed = [client.place_order(**kite.an_order(tag=f"x{number}")) for number in range(3)]
    wait_until(
        lambda: (
            [order["status"] for order in control.ledger()["orders"] if order["order_id"] in placed]
            == ["REJECTED", "REJECTED", "COMPLETE"]
        ),
        "two are rejected",
    )
    outside = control.post(
        "place-outside",
        exchange="NSE", tradingsymbol="INFY", transaction_type="BUY", quantity=1, product="MIS",
        order_type="LIMIT", price=1400,
    )["order_id"]  # fmt: skip
    assert outside in [order["order_id"] for order in client.orders()]
    assert [order["order_id"] for order in control.ledger("SIM002")["orders"]] == []
    before = len(client.orders())
    control.post("square-off", product="MIS")
    wait_until(lambda: len(client.orders()) > before, "the broker squares off")


def test_the_clock_is_handled_from_outside(control):
    assert control.clock(frozen=True)["frozen"] is True
    first = control.clock(advance=60)["now"]
    second = control.clock(advance=60)["now"]
    passed = datetime.fromisoformat(second) - datetime.fromisoformat(first)
    assert passed.total_seconds() == 60


def test_sessions_end_from_outside(control):
    client = control.client()
    control.expire()
    from kiteconnect.exceptions import TokenException

    with pytest.raises(TokenException):
        client.orders()
    fresh = kite.client(control.root)
    fresh.generate_session(control.request_token("SIM002"), kite.API_SECRET)
    assert fresh.profile()["user_id"] == "SIM002"


def test_nobody_listens_for_a_while_and_then_again(control):
    control.post("refuse-connections", seconds=0.5)

    def refused():
        try:
            requests.get(f"{control.root}/user/profile", timeout=1)
        except requests.ConnectionError:
            return True
        return False

    wait_until(refused, "nobody listens", every=0.01)
    wait_until(lambda: not refused(), "somebody listens again")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_quickly_and_cleanly(number):
    with kite.simulator_process() as control:
        started = time.monotonic()
        control.process.send_signal(number)
        assert control.process.wait(10) == 0
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--speed", "0"], "--speed"), (["--port", "99999"], "--port 99999")],
)
def test_the_command_names_a_bad_option(arguments, words):
    done = subprocess.run(
        [sys.executable, kite.REPOSITORY / "manage.py", "kitesim", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
