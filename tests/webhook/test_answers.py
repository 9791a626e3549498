"""What alerts become: orders, duplicates, refusals that are kept; and what the answers say."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, OperationalError

from sigmatrader import clock
from sigmatrader.db import Busy
from tests.factories import StrategyFactory
from tests.webhook.conftest import SECRET, alert
from trading.models import Alert, Order, OrderEvent
from trading.webhooks import reception

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


@pytest.fixture
def at():
    def move(seconds=0):
        clock.use(lambda: NOON + timedelta(seconds=seconds))

    move()
    yield move
    clock.use(None)


def test_an_alert_of_an_unknown_strategy_waits_for_a_person(ready, post):
    response = post(alert())
    order = Order.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": order.alert_id,
        "alert_id": order.alert_id,
        "order_id": order.pk,
        "status": "accepted",
        "order_status": "WAITING",
        "mode": "MANUAL",
    }
    assert (order.simulated, order.alert.source_address) == (True, "52.89.214.238")


def test_an_auto_strategys_order_is_queued_and_not_sent_in_the_request(ready, post):
    StrategyFactory(name="supertrend", execution_mode="AUTO")
    answer = post(alert()).json()
    assert (answer["order_status"], answer["mode"]) == ("QUEUED", "AUTO")


@pytest.mark.parametrize(
    "changes",
    [
        {"enabled": False},
        {"archived": True},
    ],
)
def test_switched_off_means_off_for_the_next_alert(changes, ready, post):
    strategy = StrategyFactory(name="supertrend", execution_mode="AUTO")
    assert post(alert(interval="1")).json()["mode"] == "AUTO"
    type(strategy).objects.update(**changes)
    assert post(alert(interval="2")).json()["mode"] == "MANUAL"


@pytest.mark.parametrize(
    "doubtful",
    [
        {"trade_details": {"order_action": "BUY"}},
        {"trade_details": {"order_action": "BUY", "quantity": 1.5, "price": 10}},
        {"symbol": "NSE_DLY:INFY"},
        {"strategy_name": "nobody knows it"},
    ],
)
def test_what_is_uncertain_is_never_auto(doubtful, ready, post):
    StrategyFactory(name="supertrend", execution_mode="AUTO")
    answer = post(alert(**doubtful)).json()
    assert (answer["status"], answer["mode"]) == ("accepted", "MANUAL")


def test_the_same_alert_again_is_a_duplicate_with_the_same_ids(ready, post):
    first, second = post(alert()), post(alert())
    assert (second.status_code, second.json()["status"]) == (200, "duplicate")
    assert {**second.json(), "status": "accepted"} == first.json()
    assert Alert.objects.get().duplicate_count == 1
    assert Order.objects.count() == 1


def test_a_body_without_an_id_is_new_again_after_the_window(at, ready, post):
    assert post(alert()).status_code == 201
    at(29)
    assert post(alert()).status_code == 200
    at(31)
    assert post(alert()).status_code == 201


def test_an_alert_id_holds_for_ever_and_for_one_body(at, ready, post):
    first = post(alert(alert_id="A1"))
    at(90 * 24 * 3600)
    assert post(alert(alert_id="A1")).json()["order_id"] == first.json()["order_id"]
    other = post(alert(alert_id="A1", interval="15"))
    assert (other.status_code, other.json()["code"]) == (409, "alert_id_reused")
    assert "alert_id" in other.json()["errors"]
    kept = Alert.objects.get(pk=other.json()["alert_id"])
    assert (kept.outcome, kept.symbol) == ("REJECTED", "NSE:INFY")
    assert Order.objects.count() == 1


def test_a_refused_alert_may_be_sent_again(ready, post):
    wrong = alert(alert_id="A1", trade_details={"order_action": "HOLD", "quantity": 1})
    assert [post(wrong).status_code for _ in range(2)] == [422, 422]
    assert post(alert(alert_id="A1")).status_code == 201
    assert Alert.objects.count() == 3


def test_group_alerts_that_share_an_order_id_are_different_orders(ready, post):
    shared = {"order_id": "Long", "timenow": "2026-11-23T06:30:00Z"}
    codes = [post(alert(symbol=f"NSE:{name}", **shared)).status_code for name in ("A", "B", "A")]
    assert codes == [201, 201, 200]


def test_an_exit_with_nothing_open_is_ignored_and_stored(ready, post):
    response = post(alert(trade_details={"side": "EXIT_LONG"}))
    answer = response.json()
    assert (response.status_code, answer["status"]) == (200, "ignored")
    assert answer["code"] == "no_open_position"
    assert Alert.objects.get(pk=answer["alert_id"]).outcome == "IGNORED"


def test_an_old_time_of_its_own_gives_a_warning(at, ready, post):
    old = alert(timenow="2026-11-23T06:00:00Z")
    order = Order.objects.get(pk=post(old).json()["order_id"])
    assert any("30 minutes old" in text for text in order.warnings)


@pytest.mark.parametrize(
    "trouble",
    [
        Busy("another process is writing"),
        OperationalError("database or disk is full"),
        OperationalError("attempt to write a readonly database"),
        DatabaseError("malformed"),
        OSError(28, "No space left on device"),
    ],
)
@pytest.mark.parametrize("service", ["accept", "ignore", "reject"])
def test_a_database_in_trouble_gives_503_and_nothing_half_written(
    trouble, service, ready, post, monkeypatch, caplog
):
    def fail(*args, **kwargs):
        if service == "accept":
            accept(*args, **kwargs)
        raise trouble

    accept = reception.intake.accept
    monkeypatch.setattr(reception.intake, service, fail)
    body = {
        "accept": alert(),
        "ignore": alert(platform="AngelOne"),
        "reject": alert(symbol="no symbol"),
    }[service]
    response = post(body)
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert not (Alert.objects.exists() or Order.objects.exists() or OrderEvent.objects.exists())
    assert SECRET not in response.content.decode() + caplog.text


def test_a_good_alert_needs_few_queries(ready, post, django_assert_max_num_queries):
    StrategyFactory(name="supertrend", execution_mode="AUTO")
    with django_assert_max_num_queries(22):
        assert post(alert()).status_code == 201
