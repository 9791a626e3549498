"""Several orders at one press: one after the other, and no further than the first doubt."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import connection as database
from django.db import connections
from django.test.utils import CaptureQueriesContext

from brokers.accounts import ensure_paper_account
from brokers.errors import OutcomeUnknown, Refused
from brokers.models import PriceSource
from brokers.prices import record_price
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from tests.support.desk import NIGHT, open_desk
from tests.support.faulty import Road
from trading.domain.order import Status
from trading.domain.values import OffHours, OrderType, Product
from trading.models import Order, OrderEvent
from trading.services import halting, queue, together
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.exposure import decide_all, decide_in_turn
from trading.services.together import Pick, Result, Step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_backends]

ME = "here:1:1"
SYMBOLS = ("INFY", "TCS", "SBIN", "ITC")


@contextmanager
def worker() -> Iterator[None]:
    """Somebody who claims and sends, in a thread with a database connection of its own."""
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                claim = claim_next(ME)
                if claim is None:
                    over.wait(0.01)
                else:
                    send(claim)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def waiting(count: int = 3) -> list[Order]:
    ensure_paper_account()
    return [make_order(symbol=f"NSE:{symbol}", tradingsymbol=symbol) for symbol in SYMBOLS[:count]]


def picks(orders: list[Order]) -> list[Pick]:
    return [Pick(order.pk, order.version) for order in orders]


def results(steps: list[Step]) -> list[str]:
    return [step.result.value for step in steps]


def statuses(orders: list[Order]) -> list[str]:
    return [queue.get(order.pk).status for order in orders]


# -- executing ---------------------------------------------------------------------------------


def test_each_order_is_released_only_when_the_one_before_is_past_its_broker():
    orders = waiting(4)
    with worker():
        steps = together.execute_each(picks(orders), actor="asha")
    assert results(steps) == ["DONE"] * 4
    log = OrderEvent.objects.filter(to_status__in=["QUEUED", "SENT"]).order_by("id")
    assert [(event.order_id, event.to_status) for event in log] == [
        (order.pk, status) for order in orders for status in ("QUEUED", "SENT")
    ]
    pressed = orders[1].events.get(to_status="QUEUED")
    assert (pressed.actor, pressed.reason) == ("asha", "executed, 2 of 4 at one press")


def test_nothing_more_is_released_once_an_outcome_is_unknown(road: Road):
    orders = waiting(4)
    road.after += [lambda: None, OutcomeUnknown("read timeout")]
    with worker():
        steps = together.execute_each(picks(orders), actor="asha")
    assert results(steps) == ["DONE", "STOPPED", "LEFT", "LEFT"]
    assert statuses(orders)[1:] == ["UNKNOWN", "WAITING", "WAITING"]
    assert f"The outcome of order {orders[1].pk} is unknown." in steps[2].text
    assert not OrderEvent.objects.filter(order__in=orders[2:], to_status="QUEUED").exists()


def test_a_refusal_is_told_in_the_brokers_words_and_the_next_order_goes(road: Road):
    orders = waiting(2)
    road.before.append(Refused("Not enough money."))
    with worker():
        steps = together.execute_each(picks(orders), actor="asha")
    assert results(steps) == ["NOT_DONE", "DONE"]
    assert steps[0].text == "Not enough money."
    assert statuses(orders)[0] == "FAILED"


def test_an_order_that_has_changed_since_it_was_seen_is_passed_over_and_named():
    orders = waiting(3)
    seen = picks(orders)
    queue.edit(orders[0], {"qty": 99}, actor="ravi")
    queue.cancel(orders[1], actor="ravi")
    with worker():
        steps = together.execute_each([*seen, Pick(10**9, 1)], actor="asha")
    assert results(steps) == ["NOT_DONE", "NOT_DONE", "DONE", "NOT_DONE"]
    assert "has changed since you looked" in steps[0].text
    assert "already CANCELLED" in steps[1].text
    assert "there is no order" in steps[3].text
    assert statuses(orders)[:2] == ["WAITING", "CANCELLED"]


def test_a_halt_in_the_middle_leaves_the_rest_waiting(road: Road):
    orders = waiting(4)

    def halt() -> None:
        halting.set_state("HALTED", "EVERYTHING", "enough", "ravi")

    road.after.append(halt)
    with worker():
        steps = together.execute_each(picks(orders), actor="asha")
    assert results(steps) == ["DONE", "NOT_DONE", "LEFT", "LEFT"]
    assert "Trading was halted" in steps[2].text
    assert statuses(orders)[1:] == ["WAITING"] * 3


def test_a_gate_that_holds_one_order_does_not_hold_the_others():
    orders = waiting(2)
    strategy = StrategyFactory()
    held = make_order(strategy=strategy, symbol="NSE:LT", tradingsymbol="LT")
    all_day = [{"start": "00:00", "end": "23:59:59", "days": []}]
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, no_trade_windows=all_day)
    with worker():
        steps = together.execute_each(picks([held, *orders]), actor="asha")
    assert results(steps) == ["NOT_DONE", "DONE", "DONE"]
    assert statuses([held]) == ["WAITING"]


def test_without_a_worker_the_first_stays_queued_and_no_other_is_released():
    orders = waiting(2)
    steps = together.execute_each(picks(orders), actor="asha", order_seconds=0.05)
    assert results(steps) == ["STOPPED", "LEFT"]
    assert statuses(orders) == ["QUEUED", "WAITING"]


def test_what_there_is_no_time_for_is_left():
    orders = waiting(2)
    steps = together.execute_each(picks(orders), actor="asha", all_seconds=0)
    assert results(steps) == ["LEFT", "LEFT"]
    assert statuses(orders) == ["WAITING", "WAITING"]


def test_an_order_that_waits_for_the_next_session_holds_nothing_up():
    with open_desk(NIGHT) as desk:
        strategy = desk.strategy(OffHours.QUEUE)
        live = make_order(connection=desk.connection, strategy=strategy)
        paper = waiting(1)
        with worker():
            steps = together.execute_each(picks([live, *paper]), actor="asha")
    assert results(steps) == ["DONE", "DONE"]
    assert "later moment" in steps[0].text
    assert statuses([live]) == ["QUEUED"]


def test_the_broker_has_each_order_once_even_when_two_people_press(road: Road):
    orders = waiting(4)
    seen = picks(orders)
    found: list[list[Step]] = []

    def press() -> None:
        try:
            found.append(together.execute_each(seen, actor="ravi"))
        finally:
            connections.close_all()

    other = threading.Thread(target=press)
    with worker():
        other.start()
        found.append(together.execute_each(seen, actor="asha"))
        other.join(30)
    done = [step.order_id for steps in found for step in steps if step.result is Result.DONE]
    assert sorted(done) == [order.pk for order in orders]
    for order in orders:
        assert order.attempts.count() == 1


def test_what_another_press_has_on_the_way_is_waited_for_and_its_doubt_stops_this_one_too():
    orders = waiting(3)
    seen = picks(orders)
    assert results(together.execute_each(seen[:1], actor="asha", order_seconds=0)) == ["STOPPED"]
    steps = together.execute_each(seen, actor="asha", order_seconds=0.05)
    assert results(steps) == ["NOT_DONE", "LEFT", "LEFT"]
    assert statuses(orders) == ["QUEUED", "WAITING", "WAITING"]
    with worker():
        steps = together.execute_each(seen, actor="asha")
    assert results(steps) == ["NOT_DONE", "DONE", "DONE"]


# -- cancelling and restoring ------------------------------------------------------------------


def test_a_cancel_of_several_takes_those_that_still_wait_as_they_were_seen():
    orders = waiting(3)
    seen = picks(orders)
    queue.edit(orders[1], {"qty": 99}, actor="ravi")
    steps = together.cancel_each(seen, actor="asha")
    assert results(steps) == ["DONE", "NOT_DONE", "DONE"]
    assert statuses(orders) == ["CANCELLED", "WAITING", "CANCELLED"]


def test_the_legs_of_a_trigger_are_cancelled_together():
    shared = {
        "side": "SELL",
        "product": Product.CNC,
        "gtt": True,
        "order_type": OrderType.LIMIT,
        "reduce_only": True,
    }
    stop = make_order(price=Decimal(1400), **shared)
    target = make_order(price=Decimal(1600), oco_with=stop, **shared)
    steps = together.cancel_each(picks([target, stop]), actor="asha")
    assert results(steps) == ["DONE", "DONE"]
    assert statuses([stop, target]) == ["CANCELLED", "CANCELLED"]


def test_what_was_cancelled_at_one_press_is_restored_at_one():
    orders = waiting(2)
    together.cancel_each(picks(orders), actor="asha")
    steps = together.restore_each([order.pk for order in orders], actor="asha")
    assert results(steps) == ["DONE", "DONE"]
    assert statuses(orders) == ["WAITING", "WAITING"]
    again = together.restore_each([orders[0].pk], actor="asha")
    assert results(again) == ["NOT_DONE"]
    assert "Only a cancelled order can be restored" in again[0].text


# -- judging -----------------------------------------------------------------------------------


def outcomes(orders: list[Order]) -> list[tuple[str, int]]:
    decisions = decide_in_turn(orders)
    return [(decisions[one.pk].outcome.value, decisions[one.pk].final_qty) for one in orders]


def test_each_order_is_judged_as_if_those_before_it_had_been_sent():
    RiskSettings.objects.create(scope="GLOBAL", max_position_quantity=25, clamp_mode="CLAMP")
    orders = [make_order() for _ in range(4)]
    assert {one.final_qty for one in decide_all(orders).values()} == {10}
    assert outcomes(orders) == [("PASS", 10), ("PASS", 10), ("CLAMP", 5), ("DENY", 0)]


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("max_open_positions", 2, ["PASS", "PASS", "DENY"]),
        ("max_orders_per_day", 1, ["PASS", "DENY", "DENY"]),
        ("max_trades_per_day", 2, ["PASS", "PASS", "DENY"]),
        ("max_working_orders", 1, ["PASS", "DENY", "DENY"]),
        ("max_gross_exposure", 35_000, ["PASS", "PASS", "CLAMP"]),
    ],
)
def test_a_limit_counts_what_the_orders_before_take(setting, value, expected):
    orders = waiting(3)
    RiskSettings.objects.create(scope="GLOBAL", clamp_mode="CLAMP", **{setting: value})
    assert [outcome for outcome, _ in outcomes(orders)] == expected


def test_the_same_order_of_a_strategy_twice_is_seen_before_either_is_sent():
    RiskSettings.objects.create(scope="GLOBAL", duplicate_order=30)
    strategy = StrategyFactory()
    orders = [make_order(strategy=strategy), make_order(strategy=strategy)]
    assert [outcome for outcome, _ in outcomes(orders)] == ["PASS", "DENY"]


def test_an_order_that_is_denied_or_held_takes_nothing_from_the_next():
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=15, clamp_mode="REJECT")
    orders = [make_order(qty=20), make_order(qty=10)]
    RiskSettings.objects.update(max_position_quantity=15)
    assert outcomes(orders) == [("DENY", 0), ("PASS", 10)]


def test_what_was_foretold_for_resting_orders_is_what_the_worker_does():
    RiskSettings.objects.create(
        scope="GLOBAL",
        max_position_quantity=30,
        max_gross_exposure=60_000,
        max_working_orders=5,
        clamp_mode="CLAMP",
    )
    for symbol in ("INFY", "TCS"):
        record_price("NSE", symbol, Decimal(1500), clock.now(), PriceSource.ALERT)
    orders = [
        make_order(
            symbol=f"NSE:{symbol}",
            tradingsymbol=symbol,
            qty=quantity,
            order_type=OrderType.LIMIT,
            price=Decimal(1400),
        )
        for symbol, quantity in (("INFY", 12), ("TCS", 9), ("INFY", 25), ("TCS", 40), ("INFY", 1))
    ]
    foretold = outcomes(orders)
    sent = []
    for order in orders:
        queue.execute(order, actor="asha")
        claim = claim_next(ME)
        if claim is not None:
            send(claim)
        now = queue.get(order.pk)
        assert now.risk is not None
        sent.append((now.risk["outcome"], now.risk["final_qty"]))
    assert foretold == sent
    assert {outcome for outcome, _ in sent} == {"PASS", "CLAMP", "DENY"}


def test_judging_takes_at_most_one_query_more_for_each_order():
    strategy = StrategyFactory()
    orders = [
        make_order(symbol=f"NSE:S{number}", tradingsymbol=f"S{number}", strategy=strategy)
        for number in range(40)
    ]

    def queries(some: list[Order]) -> int:
        with CaptureQueriesContext(database) as captured:
            assert len(decide_in_turn(some)) == len(some)
        return len(captured)

    assert queries(orders) <= queries(orders[:2]) + len(orders)


def test_what_an_order_lacks_is_said_before_risk_is_asked():
    assert "quantity is missing" in together.problem(make_order(qty=0, needs_quantity=True))
    assert "already QUEUED" in together.problem(make_order(Status.QUEUED))
    assert together.problem(make_order()) == ""
