"""Closing a position through the API."""

import pytest

from sigmatrader import clock
from tests.factories import make_order
from trading.domain.order import Status
from trading.models import Order, Position
from trading.services import halting

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def body(account):
    """Of an exit of 10 INFY that are open."""
    Position.objects.create(
        connection=account,
        exchange="NSE",
        symbol="INFY",
        product="MIS",
        qty=10,
        avg_price="1500",
        last_updated=clock.now(),
    )
    return {"connection": "paper", "symbol": "INFY", "exchange": "NSE", "product": "MIS"}


def test_an_exit_is_a_reduce_only_order_on_its_way(api, body):
    answer = api.post("positions/exit/", body)
    assert answer.status_code == 201
    order = answer.json()
    assert (order["side"], order["qty"], order["order_type"]) == ("SELL", 10, "MARKET")
    assert (order["status"], order["mode"], order["origin"]) == ("QUEUED", "MANUAL", "PERSON")
    assert (order["reduce_only"], order["connection"]) == (True, "paper")
    assert api.get(f"orders/{order['id']}/events/").json()[0]["actor"] == "asha"


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "NSE:INFY"},
        {"symbol": "nse:infy", "exchange": "nse"},
        {"qty": 10},
        {"qty": "10"},
        {"qty": None},
    ],
)
def test_a_position_may_be_named_as_it_is_listed(api, body, change):
    assert api.post("positions/exit/", body | change).status_code == 201
    assert Order.objects.get().tradingsymbol == "INFY"


def test_the_exchange_may_stand_in_the_symbol_alone(api, body):
    del body["exchange"]
    assert api.post("positions/exit", body | {"symbol": "NSE:INFY"}).status_code == 201


def test_a_part_is_exited(api, body):
    assert api.post("positions/exit/", body | {"qty": 4}).json()["qty"] == 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"connection": "nowhere"}, "connection"),
        ({"product": "XYZ"}, "product"),
        ({"exchange": ""}, "exchange"),
        ({"exchange": "BSE", "symbol": "NSE:INFY"}, "exchange"),
        ({"symbol": ""}, "symbol"),
        ({"qty": 0}, "qty"),
        ({"qty": -1}, "qty"),
        ({"qty": "1.5"}, "qty"),
        ({"qty": 11}, "qty"),
        ({"quantity": 5}, "quantity"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(api, body, change, field):
    answer = api.post("positions/exit/", body | change)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not Order.objects.exists()


def test_a_missing_field_is_named(api, body):
    for field in ("connection", "symbol", "product"):
        rest = {name: value for name, value in body.items() if name != field}
        answer = api.post("positions/exit/", rest)
        assert (answer.status_code, field in answer.json()["errors"]) == (400, True)


def test_nothing_open_is_a_refusal_with_a_code(api, body):
    answer = api.post("positions/exit/", body | {"symbol": "TCS"})
    assert (answer.status_code, answer.json()["code"]) == (400, "nothing_open")
    assert "NSE:TCS" in answer.json()["message"]


def test_a_halted_desk_refuses(api, body):
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    answer = api.post("positions/exit/", body)
    assert answer.status_code == 400
    assert "lunch" in answer.json()["message"]


def test_a_second_press_is_a_conflict_that_names_the_first(api, body):
    first = api.post("positions/exit/", body).json()
    answer = api.post("positions/exit/", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exiting")
    assert f"#{first['id']}" in answer.json()["message"]


def test_the_same_key_gives_the_same_exit(api, body):
    first = api.post("positions/exit/", body, key="k1")
    again = api.post("positions/exit/", body, key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1


def test_another_working_exit_leaves_less(api, body, account):
    make_order(Status.QUEUED, side="SELL", qty=7, reduce_only=True)
    assert api.post("positions/exit/", body | {"qty": 4}).status_code == 400
    assert api.post("positions/exit/", body).json()["qty"] == 3


def test_nobody_exits_without_a_token(client, body):
    assert client.post("/api/positions/exit/").status_code in (401, 403)
    assert client.get("/api/positions/exit/").status_code in (401, 403)
