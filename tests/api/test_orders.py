"""Orders: lists and filters, pages, edits, and what a person does with one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from trading.domain.order import Status
from trading.models import Order
from trading.services import lifecycle

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
FIELDS = {
    "id", "alert_id", "strategy_id", "symbol", "exchange", "side", "qty", "price",
    "trigger_price", "order_type", "product", "validity", "gtt", "status", "mode", "simulated",
    "needs_quantity", "client_order_id", "broker_order_id", "zerodha_order_id", "filled_qty",
    "average_price", "error_message", "risk", "requested_qty", "connection", "origin",
    "variety", "broker_trigger_id", "cancel_requested", "set_aside_reason", "repaired",
    "warnings", "retry_of", "version", "created_at", "updated_at",
}  # fmt: skip


def make_ended(status, **fields):
    """An order that went from the queue to `status`."""
    order = make_order(Status.QUEUED, **fields)
    if status not in (Status.REJECTED_RISK, Status.FAILED):
        lifecycle.transition(order, Status.SENDING, actor="worker")
    changes = {"sent_at": clock.now(), "broker_order_id": f"B{order.pk}"}
    changes = changes if status is Status.SENT else {}
    return lifecycle.walk(order, status, actor="worker", changes=changes)


def test_an_order_has_the_documented_fields(api):
    order = make_order(price=Decimal("1500.50"), order_type="LIMIT")
    body = api.get(f"orders/{order.pk}/").json()
    assert set(body) >= FIELDS
    assert (body["price"], body["qty"], body["symbol"]) == ("1500.5", 10, "NSE:INFY")
    assert (body["status"], body["mode"], body["simulated"]) == ("WAITING", "MANUAL", True)
    assert body["connection"] == "paper"
    for name in ("broker_order_id", "zerodha_order_id", "error_message", "retry_of", "alert_id"):
        assert body[name] is None
    assert body["created_at"].endswith("Z")
    assert body["created_at"] == order.created_at.isoformat().replace("+00:00", "Z")


def test_the_brokers_id_has_both_names(api):
    order = make_ended(Status.SENT)
    body = api.get(f"orders/{order.pk}/").json()
    assert body["broker_order_id"] == body["zerodha_order_id"] == f"B{order.pk}"


def test_a_waiting_order_shows_what_risk_would_decide_now(api):
    order = make_order(qty=150)
    assert api.get(f"orders/{order.pk}/").json()["risk"]["outcome"] == "PASS"
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)
    risk = api.get(f"orders/{order.pk}/").json()["risk"]
    assert (risk["outcome"], risk["requested_qty"], risk["final_qty"]) == ("CLAMP", 150, 100)
    assert set(risk) == {
        "outcome",
        "requested_qty",
        "final_qty",
        "notes",
        "gates",
        "checks",
        "evaluated_at",
    }
    assert api.get("orders/queue/").json()[0]["risk"]["outcome"] == "CLAMP"
    assert Order.objects.get().version == 1


def test_the_events_tell_the_story_in_order(api):
    order = make_order()
    api.patch(f"orders/{order.pk}/", {"qty": 5})
    api.patch(f"orders/{order.pk}/status/", {"status": "CANCELLED"})
    events = api.get(f"orders/{order.pk}/events/").json()
    assert [(event["sequence"], event["from"], event["to"]) for event in events] == [
        (1, None, "WAITING"),
        (2, "WAITING", "WAITING"),
        (3, "WAITING", "CANCELLED"),
    ]
    assert set(events[0]) == {"sequence", "at", "from", "to", "actor", "reason", "data"}
    assert events[1]["actor"] == "asha"


def test_the_queue_is_every_waiting_order_oldest_first(api):
    strategy = StrategyFactory()
    late = make_order(created_at=NOON)
    early = make_order(created_at=NOON - timedelta(hours=1), strategy=strategy)
    make_order(Status.QUEUED)
    assert [row["id"] for row in api.get("orders/queue/").json()] == [early.pk, late.pk]
    mine = api.get("orders/queue/", strategy_id=strategy.pk).json()
    assert [row["id"] for row in mine] == [early.pk]
    assert api.get("orders/queue/", strategy_id="all").status_code == 400


def ids(response):
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_pages_go_forth_and_back_and_miss_nothing(api):
    moments = [NOON, NOON, NOON, NOON - timedelta(hours=1), NOON + timedelta(hours=1)]
    rows = [make_order(created_at=moment) for moment in moments]
    wanted = [rows[place].pk for place in (4, 2, 1, 0, 3)]
    pages, url = [], "/api/orders/?limit=2"
    while url:
        answer = api.get(url).json()
        pages.append([row["id"] for row in answer["results"]])
        last, url = answer, answer["next"]
    assert pages == [wanted[0:2], wanted[2:4], wanted[4:5]]
    make_order(created_at=NOON + timedelta(hours=2))
    back = api.get(last["previous"])
    assert ids(back) == wanted[2:4]
    assert ids(api.get(back.json()["next"])) == wanted[4:5]
    first = api.get(back.json()["previous"])
    assert ids(first) == wanted[0:2]
    newer = api.get(first.json()["previous"]).json()
    assert (len(newer["results"]), newer["previous"]) == (1, None)


def test_the_first_page_has_no_previous_and_the_last_no_next(api):
    make_order()
    answer = api.get("orders/").json()
    assert (answer["next"], answer["previous"], len(answer["results"])) == (None, None, 1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"cursor": "x"},
        {"cursor": "ключ"},
        {"cursor": "bnVsbA=="},
        {"cursor": "WyIyMDI2LTAxLTAxIiwgMSwgZmFsc2Vd"},  # a day without a time zone
        {"cursor": "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5IiwgMSwgZmFsc2Vd"},
        {"cursor": "W0luZmluaXR5LCBJbmZpbml0eSwgMV0="},
        {"cursor": "W1tbW1tb" * 500},
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "-1"},
        {"limit": "१"},
        {"limit": "x"},
    ],
)
def test_a_cursor_or_limit_that_is_none_is_400(parameters, api):
    response = api.get("orders/", **parameters)
    assert (response.status_code, list(response.json()["errors"])) == (400, list(parameters))


def test_filters_pick_the_orders(api):
    strategy = StrategyFactory()
    infy = make_order(strategy=strategy, created_at=NOON)
    tcs = make_order(
        Status.QUEUED,
        symbol="NSE:TCS",
        tradingsymbol="TCS",
        side="SELL",
        mode="AUTO",
        created_at=NOON - timedelta(days=2),
    )
    cases = [
        ({"status": "WAITING"}, [infy]),
        ({"status": "queued"}, [tcs]),
        ({"status": "WAITING,QUEUED"}, [infy, tcs]),
        ({"status": ""}, [infy, tcs]),
        ({"strategy_id": strategy.pk}, [infy]),
        ({"strategy_id": 10**18}, []),
        ({"symbol": "NSE:TCS"}, [tcs]),
        ({"symbol": "tcs"}, [tcs]),
        ({"symbol": "BSE:TCS"}, []),
        ({"side": "SELL"}, [tcs]),
        ({"mode": "AUTO"}, [tcs]),
        ({"simulated": "true"}, [infy, tcs]),
        ({"simulated": "false"}, []),
        ({"from": "2026-11-23"}, [infy]),
        ({"to": "2026-11-23"}, [infy, tcs]),
        ({"to": "2026-11-22"}, [tcs]),
        ({"from": "2026-11-21", "to": "2026-11-21"}, [tcs]),
        ({"from": "2026-11-23T06:30:00Z"}, [infy]),
        ({"to": "2026-11-23T06:30:00Z"}, [tcs]),
        ({"from": "2026-11-23T12:00:01+05:30"}, []),
        ({"status": "WAITING", "side": "SELL"}, []),
    ]
    for parameters, found in cases:
        assert ids(api.get("orders/", **parameters)) == [row.pk for row in found], parameters


def test_a_plus_that_nobody_escaped_is_understood(api):
    make_order(created_at=NOON)
    assert len(ids(api.get("/api/orders/?from=2026-11-23T12:00:00+05:30"))) == 1


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("status", "DONE", "WAITING, QUEUED, SENDING, UNKNOWN, SENT"),
        ("side", "HOLD", "BUY, SELL"),
        ("mode", "auto,semi", "MANUAL, AUTO"),
        ("simulated", "maybe", "true or false"),
        ("strategy_id", "-1", "whole number"),
        ("strategy_id", "１", "whole number"),
        ("strategy_id", str(2**63), "whole number"),
        ("symbol", "a\x00", "NSE:INFY"),
        ("symbol", "x" * 500, "NSE:INFY"),
        ("from", "yesterday", "2026-11-23"),
        ("from", "2026-13-01", "2026-11-23"),
        ("to", "9999-12-31", "2026-11-23"),
        ("to", "0001-01-01T00:00:00+23:00", "2026-11-23"),
    ],
)
def test_an_unknown_filter_value_is_400_naming_what_is_allowed(name, value, allowed, api):
    response = api.get("orders/", **{name: value})
    assert response.status_code == 400
    assert allowed in response.json()["errors"][name][0]


def test_an_edit_changes_a_waiting_order(api):
    order = make_order(qty=0, needs_quantity=True)
    body = api.patch(
        f"orders/{order.pk}/",
        {"qty": 25, "price": "99.05", "order_type": "LIMIT", "product": "CNC", "version": 1},
    ).json()
    assert (body["qty"], body["requested_qty"], body["needs_quantity"]) == (25, 25, False)
    assert (body["price"], body["order_type"], body["product"]) == ("99.05", "LIMIT", "CNC")
    assert body["version"] == 2
    assert (
        api.patch(f"orders/{order.pk}/", {"order_type": "MARKET", "price": None}).json()["price"]
        is None
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"qty": 0}, "qty"),
        ({"qty": -1}, "qty"),
        ({"qty": 10**30}, "qty"),
        ({"qty": "ten"}, "qty"),
        ({"qty": None}, "qty"),
        ({"qty": True}, "qty"),
        ({"qty": 1.5}, "qty"),
        ({"price": "0"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "1.00001"}, "price"),
        ({"price": [1]}, "price"),
        ({"order_type": "LIMIT"}, "price"),
        ({"order_type": "SL-M"}, "trigger_price"),
        ({"order_type": "STOP"}, "order_type"),
        ({"product": "BO"}, "product"),
        ({"validity": "GTC"}, "validity"),
        ({"gtt": True}, "gtt"),
        ({"gtt": "perhaps"}, "gtt"),
        ({"version": "x"}, "version"),
        ({"symbol": "NSE:TCS"}, "symbol"),
        ({"quantity": 5}, "quantity"),
        ({"status": "SENT"}, "status"),
    ],
)
def test_an_edit_that_makes_no_order_is_400_naming_the_field(changes, field, api):
    order = make_order()
    response = api.patch(f"orders/{order.pk}/", changes)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert Order.objects.get().version == 1


def test_an_edit_of_an_old_version_or_a_gone_order_is_409(api):
    order = make_order()
    assert api.patch(f"orders/{order.pk}/", {"qty": 5, "version": 1}).status_code == 200
    assert api.patch(f"orders/{order.pk}/", {"qty": 6, "version": 1}).status_code == 409
    queued = make_order(Status.QUEUED)
    assert api.patch(f"orders/{queued.pk}/", {"qty": 6}).status_code == 409


def test_an_order_is_taken_out_of_the_queue_and_put_back(api):
    order = make_order()
    for status in ("CANCELLED", "CANCELLED", "WAITING", "WAITING"):
        response = api.patch(f"orders/{order.pk}/status/", {"status": status})
        assert (response.status_code, response.json()["status"]) == (200, status)
    assert api.get(f"orders/{order.pk}/").json()["version"] == 3


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENT, Status.EXECUTED, Status.FAILED])
def test_the_status_of_an_order_past_the_queue_is_not_set(status, api):
    order = make_order(status) if status is Status.QUEUED else make_ended(status)
    for wanted in ("CANCELLED", "WAITING"):
        response = api.patch(f"orders/{order.pk}/status/", {"status": wanted})
        assert response.status_code == 409


@pytest.mark.parametrize("body", [{}, {"status": "SENT"}, {"status": 5}, {"status": None}])
def test_only_cancelled_and_waiting_can_be_set(body, api):
    response = api.patch(f"orders/{make_order().pk}/status/", body)
    assert response.status_code == 400
    assert "WAITING, CANCELLED" in response.json()["errors"]["status"][0]


def test_a_cancel_here_is_done_and_one_at_the_broker_is_pending(api):
    waiting, sent, ended = make_order(), make_ended(Status.SENT), make_ended(Status.FAILED)
    here = api.post(f"orders/{waiting.pk}/cancel/")
    assert (here.status_code, here.json()["status"]) == (200, "CANCELLED")
    there = api.post(f"orders/{sent.pk}/cancel/", {})
    assert (there.status_code, there.json()["status"]) == (202, "CANCEL_PENDING")
    assert api.post(f"orders/{ended.pk}/cancel/").status_code == 409


def test_a_retry_is_a_new_linked_order_and_there_is_one(api):
    failed = make_ended(Status.FAILED)
    response = api.post(f"orders/{failed.pk}/retry/")
    assert response.status_code == 201
    assert (response.json()["retry_of"], response.json()["status"]) == (failed.pk, "WAITING")
    assert api.post(f"orders/{failed.pk}/retry/").status_code == 409
    assert api.post(f"orders/{make_order().pk}/retry/").status_code == 409


def test_an_unknown_order_is_resolved_by_a_person(api):
    order = make_ended(Status.UNKNOWN)
    wrong = [
        ({}, "outcome"),
        ({"outcome": "MAYBE", "reason": "I looked"}, "outcome"),
        ({"outcome": "NOT_PLACED"}, "reason"),
        ({"outcome": "NOT_PLACED", "reason": "x"}, "reason"),
        ({"outcome": "PLACED", "reason": "seen in the app"}, "broker_order_id"),
        (
            {"outcome": "PLACED", "reason": "seen in the app", "broker_order_id": "a b"},
            "broker_order_id",
        ),
    ]
    for body, field in wrong:
        response = api.post(f"orders/{order.pk}/resolve/", body)
        assert response.status_code == 400
        assert field in response.json()["errors"]
    good = {"outcome": "PLACED", "reason": "seen in the app", "broker_order_id": "25110600001"}
    done = api.post(f"orders/{order.pk}/resolve/", good)
    assert (done.status_code, done.json()["status"]) == (200, "SENT")
    assert done.json()["zerodha_order_id"] == "25110600001"
    assert api.post(f"orders/{order.pk}/resolve/", good).status_code == 409


def test_a_working_order_is_modified_later_at_the_broker(api):
    order = make_ended(Status.SENT, order_type="LIMIT", price=Decimal(100))
    response = api.post(f"orders/{order.pk}/modify/", {"price": "101.5"})
    assert (response.status_code, response.json()["status"]) == (202, "SENT")
    assert api.post(f"orders/{order.pk}/modify/", {"price": "102"}).status_code == 409
    other = make_ended(Status.SENT, order_type="LIMIT", price=Decimal(100))
    for body, field in (({}, "qty"), ({"product": "CNC"}, "product"), ({"price": None}, "price")):
        refused = api.post(f"orders/{other.pk}/modify/", body)
        assert (refused.status_code, list(refused.json()["errors"])) == (400, [field])
    assert api.post(f"orders/{make_order().pk}/modify/", {"qty": 5}).status_code == 409
