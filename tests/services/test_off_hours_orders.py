"""Live orders while their market is closed: by our calendar, and by the broker's own word."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from brokers.simulator import faults
from risk.models import RiskSettings
from sigmatrader import clock
from tests.support.desk import NEXT_OPEN, NIGHT, OPEN, Desk, open_desk
from trading.domain.values import (
    Mode,
    OffHours,
    OrderType,
    Product,
    RiskScope,
    StateScope,
    TradingStateName,
    Variety,
)
from trading.models import Instrument, MarketDay, Order
from trading.services import calendar, halting, queue
from trading.services.attempts import tag_for

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("market_calendar"),
]


def varieties(desk: Desk) -> list[str]:
    """How orders were asked of the broker, one for each request."""
    return [entry.path.rpartition("/")[2] for entry in desk.asked("place")]


def refused_as_closed(desk: Desk, off_hours: OffHours = OffHours.AMO, **fields: object) -> Order:
    """An order of our session time that the broker has refused once: its market is closed."""
    desk.behaviour.market_closed = True
    order = desk.order(strategy=desk.strategy(off_hours), **fields)
    desk.send_next()
    return desk.fresh(order)


# -- after-market orders --------------------------------------------------------------------------


def test_at_night_an_order_goes_as_amo_at_once(desk: Desk) -> None:
    desk.move_to(NIGHT)
    order = desk.sent(desk.order())
    assert varieties(desk) == ["amo"]
    assert (order.variety, order.attempts.get().variety) == ("amo", "amo")
    assert order.attempts.get().tag == order.client_order_id


def test_a_refusal_as_closed_queues_the_order_once_more_as_amo(desk: Desk) -> None:
    order = refused_as_closed(desk)
    assert (order.status, order.variety, order.not_before) == ("QUEUED", "amo", None)
    attempt = order.attempts.get()
    assert attempt.outcome == "REFUSED"
    assert "not open for trading" in attempt.message
    assert "Once more as AMO" in order.events.latest("sequence").reason


def test_the_second_attempt_is_an_amo_with_its_own_tag(desk: Desk) -> None:
    order = desk.sent(refused_as_closed(desk))
    assert varieties(desk) == ["regular", "amo"]
    tags = [entry.form["tag"] for entry in desk.asked("place")]
    assert tags == [order.client_order_id, tag_for(order.client_order_id, 2)]
    assert [attempt.outcome for attempt in order.attempts.all()] == ["REFUSED", "SENT"]
    assert [row["tag"] for row in desk.at_broker()] == [tags[1]]


def test_an_amo_that_is_refused_too_has_failed(desk: Desk) -> None:
    order = refused_as_closed(desk)
    desk.behaviour.market_closed = False  # neither is taken: the amo because the market is open
    desk.send_next()
    assert desk.status(order) == "FAILED"
    assert desk.send_next() is None
    assert varieties(desk) == ["regular", "amo"]
    assert desk.at_broker() == []


def test_the_second_attempt_stops_at_a_halt(desk: Desk) -> None:
    order = refused_as_closed(desk)
    halting.set_state(
        TradingStateName.HALTED,
        StateScope.ACCOUNT,
        "enough",
        "asha",
        connection_id=desk.connection.pk,
    )
    assert desk.send_next() is None
    order = desk.fresh(order)
    assert (order.status, order.variety) == ("WAITING", "regular")
    assert varieties(desk) == ["regular"]


def test_the_second_attempt_stops_at_a_risk_limit_set_meanwhile(desk: Desk) -> None:
    order = refused_as_closed(desk)
    RiskSettings.objects.update_or_create(
        scope=RiskScope.GLOBAL, defaults={"max_quantity_per_order": 1, "clamp_mode": "REJECT"}
    )
    assert desk.send_next() is None
    assert desk.status(order) == "REJECTED_RISK"
    assert varieties(desk) == ["regular"]


def test_the_second_attempt_stops_when_its_time_is_over(desk: Desk) -> None:
    order = refused_as_closed(desk)
    desk.wait(61)
    assert desk.send_next() is None
    assert desk.status(order) == "EXPIRED"
    assert varieties(desk) == ["regular"]


def test_a_cancel_between_the_attempts_ends_the_order(desk: Desk) -> None:
    order = refused_as_closed(desk)
    queue.cancel(order, actor="asha")
    assert desk.send_next() is None
    assert desk.status(order) == "CANCELLED"


@pytest.mark.parametrize(
    "fault", [faults.refuse_status(500), faults.lying_400(), faults.reset_before()]
)
def test_nothing_goes_as_amo_after_an_unclear_answer(desk: Desk, fault: faults.Fault) -> None:
    desk.faults.script("place", fault)
    order = desk.order()
    desk.send_next()
    assert desk.status(order) == "UNKNOWN"
    desk.behaviour.market_closed = True
    desk.read_book()
    assert desk.send_next() is None
    assert varieties(desk) == ["regular"]


def test_an_amo_that_was_not_sent_stays_an_amo(desk: Desk) -> None:
    order = refused_as_closed(desk)
    desk.faults.script("place", faults.rate_limited())
    desk.send_next()
    assert (desk.status(order), desk.fresh(order).variety) == ("QUEUED", "amo")
    desk.wait(3)
    assert desk.sent(order).attempts.count() == 3
    assert varieties(desk) == ["regular", "amo", "amo"]
    assert len(desk.at_broker()) == 1


def test_between_close_and_window_an_order_waits_for_the_window(desk: Desk) -> None:
    desk.move_to(OPEN.replace(hour=15, minute=40))
    order = desk.order()
    assert desk.send_next() is None
    order = desk.fresh(order)
    opens = OPEN.replace(hour=16)
    assert (order.status, order.not_before) == ("QUEUED", opens)
    assert order.expires_at == opens + timedelta(seconds=60)
    desk.move_to(opens)
    assert desk.sent(order).variety == "amo"


def test_an_amo_fills_when_the_market_opens(desk: Desk) -> None:
    desk.move_to(NIGHT)
    order = desk.sent(desk.order())
    desk.move_to(NEXT_OPEN + timedelta(minutes=1))
    desk.log_in()
    desk.read_book()
    assert desk.status(order) == "EXECUTED"


# -- triggers -------------------------------------------------------------------------------------


def test_off_hours_gtt_makes_a_limit_order_a_trigger_at_its_limit(desk: Desk) -> None:
    desk.move_to(NIGHT)
    order = desk.limit("1400", strategy=desk.strategy(OffHours.GTT), product=Product.CNC)
    order = desk.sent(order)
    assert (order.gtt, order.trigger_price, order.variety) == (True, Decimal(1400), "gtt")
    assert order.broker_trigger_id
    assert not order.broker_order_id
    assert varieties(desk) == []
    [trigger] = desk.triggers()
    assert str(trigger["id"]) == order.broker_trigger_id


def test_the_brokers_word_makes_a_limit_order_a_trigger_too(desk: Desk) -> None:
    order = refused_as_closed(
        desk,
        OffHours.GTT,
        order_type=OrderType.LIMIT,
        price=Decimal(1400),
        product=Product.CNC,
    )
    assert (order.status, order.gtt) == ("QUEUED", True)
    order = desk.sent(order)
    assert order.attempts.last().variety == "gtt"
    assert varieties(desk) == ["regular"]
    assert len(desk.triggers()) == 1


@pytest.mark.parametrize("auto", [True, False])
def test_a_market_order_can_be_no_trigger_and_waits_for_a_person(desk: Desk, auto: bool) -> None:
    desk.move_to(NIGHT)
    desk.read_book()
    order = desk.order(auto=auto, strategy=desk.strategy(OffHours.GTT), product=Product.CNC)
    assert desk.send_next() is None
    order = desk.fresh(order)
    assert (order.status, order.mode) == ("WAITING", "MANUAL")
    assert "choose LIMIT" in order.set_aside_reason
    assert desk.asked("place") == desk.asked("gtt_place") == []


def test_after_the_brokers_word_a_market_order_waits_for_a_person_too(desk: Desk) -> None:
    order = refused_as_closed(desk, OffHours.GTT, product=Product.CNC)
    assert (order.status, order.variety, order.gtt) == ("WAITING", "regular", False)
    assert "choose LIMIT" in order.set_aside_reason
    assert order.attempts.get().closed_at is not None


def test_a_trigger_goes_at_any_hour_whatever_the_strategy_wants(desk: Desk) -> None:
    desk.move_to(NIGHT)
    order = desk.sent(desk.trigger(strategy=desk.strategy(OffHours.REJECT)))
    assert order.broker_trigger_id


# -- waiting for the next session -----------------------------------------------------------------


def deferred(desk: Desk, **fields: object) -> Order:
    """An order of 20:00 that waits for the next session."""
    desk.move_to(NIGHT)
    strategy = desk.strategy(OffHours.QUEUE, time_to_live_seconds=90)
    order = desk.order(strategy=strategy, **fields)
    assert desk.send_next() is None
    return desk.fresh(order)


def test_queue_puts_the_order_off_with_a_new_time_to_live(desk: Desk) -> None:
    order = deferred(desk, auto=True)
    assert (order.status, order.mode, order.not_before) == ("QUEUED", "AUTO", NEXT_OPEN)
    assert order.expires_at == NEXT_OPEN + timedelta(seconds=90)
    assert "waits until 03 Dec 09:15" in order.events.latest("sequence").reason
    assert order.attempts.count() == 0
    assert desk.send_next() is None


def test_a_deferred_order_is_claimed_at_the_open_and_not_before(desk: Desk) -> None:
    order = deferred(desk)
    desk.move_to(NEXT_OPEN - timedelta(seconds=1))
    desk.log_in()
    assert desk.send_next() is None
    desk.move_to(NEXT_OPEN)
    assert desk.sent(order).variety == "regular"
    assert varieties(desk) == ["regular"]


def test_a_deferred_order_expires_when_nobody_sends_it_at_the_open(desk: Desk) -> None:
    order = deferred(desk)
    desk.move_to(NEXT_OPEN + timedelta(seconds=90))
    desk.log_in()
    assert desk.send_next() is None
    assert desk.status(order) == "EXPIRED"
    assert varieties(desk) == []


def test_a_deferred_order_passes_risk_at_the_open(desk: Desk) -> None:
    order = deferred(desk)
    RiskSettings.objects.update_or_create(
        scope=RiskScope.GLOBAL, defaults={"max_quantity_per_order": 4}
    )
    desk.move_to(NEXT_OPEN)
    desk.log_in()
    assert desk.sent(order).qty == 4


def test_the_brokers_word_puts_an_order_off_to_the_next_day(desk: Desk) -> None:
    order = refused_as_closed(desk, OffHours.QUEUE)
    assert (order.status, order.variety) == ("QUEUED", "regular")
    assert (order.not_before, order.expires_at) == (
        NEXT_OPEN,
        NEXT_OPEN + timedelta(seconds=60),
    )
    assert order.attempts.get().outcome == "REFUSED"
    desk.behaviour.market_closed = False
    desk.move_to(NEXT_OPEN)
    desk.log_in()
    order = desk.sent(order)
    assert order.attempts.last().tag == tag_for(order.client_order_id, 2)


def test_a_deferred_order_stands_in_nobodys_way(desk: Desk) -> None:
    first = deferred(desk)
    second = desk.sent(desk.order())
    assert second.variety == "amo"
    assert desk.status(first) == "QUEUED"


def test_an_order_in_backoff_lets_no_later_one_of_its_instrument_pass(desk: Desk) -> None:
    desk.faults.script("place", faults.rate_limited())
    first = desk.order()
    assert desk.send_next() == first
    desk.order(side="SELL")
    assert desk.send_next() is None
    assert len(desk.asked("place")) == 1


def test_a_deferred_order_is_cancelled_without_the_broker(desk: Desk) -> None:
    order = deferred(desk)
    assert not queue.cancel(order, actor="asha").pending
    assert desk.status(order) == "CANCELLED"


def test_a_halt_sets_a_deferred_order_aside(desk: Desk) -> None:
    order = deferred(desk, auto=True)
    halting.set_state(TradingStateName.HALTED, StateScope.EVERYTHING, "enough", "asha")
    order = desk.fresh(order)
    assert (order.status, order.mode, order.not_before) == ("WAITING", "MANUAL", None)


# -- no orders off hours --------------------------------------------------------------------------


def test_reject_is_a_denial_of_risk(desk: Desk) -> None:
    desk.move_to(NIGHT)
    desk.read_book()
    order = desk.order(auto=True, strategy=desk.strategy(OffHours.REJECT))
    assert desk.send_next() is None
    order = desk.fresh(order)
    assert order.status == "REJECTED_RISK"
    assert "NSE is closed; it opens on 03 Dec at 09:15" in order.error_message
    assert order.risk is not None
    denied = [check["code"] for check in order.risk["checks"] if check["verdict"] == "DENY"]
    assert denied == ["MARKET_CLOSED"]
    assert varieties(desk) == []


def test_reject_takes_the_brokers_refusal_as_the_end(desk: Desk) -> None:
    order = refused_as_closed(desk, OffHours.REJECT)
    assert order.status == "FAILED"
    assert "not open for trading" in order.error_message
    assert desk.send_next() is None


# -- the closing auction --------------------------------------------------------------------------


def test_an_auto_order_for_a_share_with_futures_waits_for_a_person_in_the_closing_auction(
    db: None,
) -> None:
    with open_desk(datetime(2026, 12, 2, 15, 16, tzinfo=clock.IST)) as desk:
        Instrument.objects.create(
            exchange="NFO",
            tradingsymbol="INFY26DECFUT",
            name="INFY",
            search_key="INFY26DECFUT",
            instrument_type="FUT",
            expiry=date(2026, 12, 29),
            listed_on=desk.now.date(),
        )
        order = desk.order(auto=True, strategy=desk.strategy())
        assert desk.send_next() is None
        assert "closing auction, from 15:20 to 15:35" in desk.fresh(order).set_aside_reason
        queue.execute(desk.fresh(order), actor="asha")
        assert desk.sent(order).variety == Variety.REGULAR


def test_an_auto_order_for_another_share_goes_until_the_close(db: None) -> None:
    with open_desk(datetime(2026, 12, 2, 15, 16, tzinfo=clock.IST)) as desk:
        order = desk.order(auto=True, strategy=desk.strategy())
        assert desk.sent(order).variety == Variety.REGULAR


# -- a day that somebody has entered --------------------------------------------------------------


def test_a_holiday_that_is_entered_counts_for_the_next_order(desk: Desk) -> None:
    MarketDay.objects.create(segment="EQUITY", date=desk.now.date(), kind="CLOSED", note="Strike")
    calendar.forget()
    order = desk.order(auto=True, strategy=desk.strategy(OffHours.QUEUE))
    assert desk.send_next() is None
    assert desk.fresh(order).not_before == NEXT_OPEN


# -- past the calendar ----------------------------------------------------------------------------


@pytest.fixture
def beyond(db: None) -> Iterator[Desk]:
    with open_desk(datetime(2027, 1, 4, 11, 0, tzinfo=clock.IST)) as opened:
        yield opened


def test_past_the_calendar_an_auto_order_waits_for_a_person_whose_press_sends_it(
    beyond: Desk,
) -> None:
    order = beyond.order(auto=True, strategy=beyond.strategy(OffHours.QUEUE))
    assert beyond.send_next() is None
    order = beyond.fresh(order)
    assert (order.status, order.mode) == ("WAITING", Mode.MANUAL)
    assert "calendar ends on 31 Dec 2026" in order.set_aside_reason
    queue.execute(order, actor="asha")
    assert beyond.sent(order).variety == Variety.REGULAR


def test_past_the_calendar_the_brokers_word_brings_the_order_back_to_the_person(
    beyond: Desk,
) -> None:
    order = refused_as_closed(beyond)
    assert order.status == "WAITING"
    assert "calendar ends" in order.set_aside_reason
    assert varieties(beyond) == ["regular"]
