import random
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.port import BrokerStatus, OrderReport, Trade
from sigmatrader import clock
from tests.factories import make_order
from trading.domain.order import Status, replay
from trading.domain.position import FillRow, fold
from trading.domain.values import OrderType, Product, Side, Variety
from trading.models import ClosedTrade, Fill, Order, Position
from trading.services import lifecycle, updates

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

START = clock.now()


def sent_order(**fields) -> Order:  # type: ignore[no-untyped-def]
    order = make_order(Status.QUEUED, **fields)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    return lifecycle.transition(
        order, Status.SENT, actor="worker", changes={"broker_order_id": f"B{order.pk}"}
    )


def trade(order: Order, number: int, quantity: int, price: str = "100") -> Trade:
    return Trade(
        trade_id=f"T{number}",
        order_id=order.broker_order_id,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=Product(order.product),
        side=Side(order.side),
        quantity=quantity,
        price=Decimal(price),
        at=START + timedelta(seconds=number),
    )


def report(order: Order, status: BrokerStatus, *trades: Trade, message: str = "") -> OrderReport:
    filled = sum(one.quantity for one in trades)
    return OrderReport(
        order_id=order.broker_order_id,
        trigger_id=None,
        tag=order.client_order_id,
        status=status,
        raw_status=status.value,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        side=Side(order.side),
        product=Product(order.product),
        order_type=OrderType(order.order_type),
        variety=Variety.REGULAR,
        quantity=order.qty,
        filled_quantity=filled,
        average_price=None,
        price=order.price,
        trigger_price=None,
        message=message,
        placed_at=START,
        updated_at=START,
        trades=trades,
    )


def test_a_partial_fill_shows_and_the_rest_completes() -> None:
    order = sent_order()
    first, second = trade(order, 1, 4, "100"), trade(order, 2, 6, "110")
    updates.apply(order.pk, report(order, BrokerStatus.OPEN, first))
    assert Order.objects.get().status == "PARTIALLY_EXECUTED"
    done = updates.apply(order.pk, report(order, BrokerStatus.COMPLETE, first, second))
    assert (done.status, done.filled_qty, done.average_price) == ("EXECUTED", 10, Decimal("106"))


def test_the_same_report_again_changes_nothing() -> None:
    order = sent_order()
    complete = report(order, BrokerStatus.COMPLETE, trade(order, 1, 10))
    updates.apply(order.pk, complete)
    version = Order.objects.get().version
    updates.apply(order.pk, complete)
    assert Order.objects.get().version == version
    assert Fill.objects.count() == 1
    assert Position.objects.get().qty == 10


def test_an_old_report_that_comes_late_takes_nothing_back() -> None:
    order = sent_order()
    first, second = trade(order, 1, 4), trade(order, 2, 6)
    updates.apply(order.pk, report(order, BrokerStatus.COMPLETE, first, second))
    late = updates.apply(order.pk, report(order, BrokerStatus.OPEN, first))
    assert (late.status, late.filled_qty) == ("EXECUTED", 10)


def test_a_fill_wins_over_a_cancel_that_was_asked() -> None:
    order = sent_order()
    lifecycle.transition(
        order, Status.CANCEL_PENDING, actor="asha", changes={"cancel_requested": True}
    )
    assert updates.apply(order.pk, report(order, BrokerStatus.OPEN)).status == "CANCEL_PENDING"
    done = updates.apply(order.pk, report(order, BrokerStatus.COMPLETE, trade(order, 1, 10)))
    assert done.status == "EXECUTED"


def test_a_cancel_after_a_part_keeps_what_was_filled() -> None:
    order = sent_order()
    done = updates.apply(order.pk, report(order, BrokerStatus.CANCELLED, trade(order, 1, 3)))
    assert (done.status, done.filled_qty) == ("CANCELLED", 3)
    assert Position.objects.get().qty == 3


def test_a_late_fill_of_a_cancelled_order_is_a_fact() -> None:
    order = sent_order()
    updates.apply(order.pk, report(order, BrokerStatus.CANCELLED))
    done = updates.apply(order.pk, report(order, BrokerStatus.CANCELLED, trade(order, 1, 10)))
    assert (done.status, done.filled_qty) == ("EXECUTED", 10)


def test_a_rejection_keeps_the_brokers_words() -> None:
    order = sent_order()
    done = updates.apply(order.pk, report(order, BrokerStatus.REJECTED, message="RMS: margin"))
    assert (done.status, done.error_message) == ("REJECTED", "RMS: margin")


def test_a_round_trip_becomes_a_closed_trade_with_its_r_multiple() -> None:
    entry = sent_order(exit_plan={"stop_price": "95"})
    updates.apply(entry.pk, report(entry, BrokerStatus.COMPLETE, trade(entry, 1, 10, "100")))
    leave = sent_order(side="SELL", reduce_only=True)
    updates.apply(leave.pk, report(leave, BrokerStatus.COMPLETE, trade(leave, 2, 10, "107.50")))
    closed = ClosedTrade.objects.get()
    assert (closed.pnl, closed.r_multiple, closed.qty) == (Decimal("75"), Decimal("1.5"), 10)
    assert (closed.entry_order_id, closed.exit_order_id) == (entry.pk, leave.pk)
    position = Position.objects.get()
    assert (position.qty, position.realised, position.pnl) == (0, Decimal(75), Decimal(75))


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    pieces=st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 20), st.integers(90, 110)),
        min_size=1,
        max_size=8,
    ),
    seed=st.integers(0, 10**6),
)
def test_positions_equal_the_sum_of_fills_whatever_is_repeated(
    pieces: list[tuple[str, int, int]], seed: int
) -> None:
    Order.objects.all().delete()
    Position.objects.all().delete()
    rows: list[FillRow] = []
    shuffle = random.Random(seed)
    for number, (side, quantity, price) in enumerate(pieces):
        order = sent_order(side=side, qty=quantity)
        only = trade(order, number, quantity, str(price))
        for _ in range(shuffle.randint(1, 3)):
            updates.apply(order.pk, report(order, BrokerStatus.COMPLETE, only))
        updates.apply(order.pk, report(order, BrokerStatus.OPEN))
        rows.append(FillRow(Side(side), quantity, Decimal(price), order.pk))
        assert replay(lifecycle.event_log(order))["status"] == "EXECUTED"
    expected = fold(rows)
    position = Position.objects.get()
    assert position.qty == expected.quantity
    assert position.realised == expected.realised
    assert sum(one.pnl for one in ClosedTrade.objects.all()) == expected.realised
