"""What every broker adapter must do, written against the port alone.

A test module runs the suite for an adapter by importing everything from here and giving a fixture
`venue`: a connected account with a million rupees, where nothing has been traded yet, and the
controls of its market, in which `KEY` last traded at 1500.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import pytest

from brokers.errors import NotSent, NotSupported, Refused
from brokers.port import Broker, BrokerStatus, ExecutedOrder, OrderReport, OrderRequest
from trading.domain.values import InstrumentKey, OrderType, Product, Side, Validity, Variety

KEY = InstrumentKey("NSE", "INFY")
OTHER = InstrumentKey("NSE", "NEVERSEEN")
PATIENCE_SECONDS = 5.0

_numbers = itertools.count(1)


class Market(Protocol):
    """What a test does to the market behind a broker."""

    def trade_at(self, price: str) -> None:
        """KEY trades at `price`, and the broker has seen it when this returns."""

    def limit_depth(self, units: int) -> None:
        """From now on one price fills at most `units` of an order."""

    def end_day(self) -> None:
        """The trading day ends, and the broker has seen it when this returns."""


@dataclass(frozen=True)
class Venue:
    broker: Broker
    market: Market


def request(side: Side = Side.BUY, quantity: int = 10, **changes: Any) -> OrderRequest:
    """An order for KEY with a tag of its own."""
    fields = {"tag": f"SCONF{next(_numbers):09d}", "market_protection": Decimal(-1), **changes}
    return OrderRequest(
        exchange=KEY.exchange,
        tradingsymbol=KEY.tradingsymbol,
        side=side,
        quantity=quantity,
        **fields,
    )


def limit(price: str, side: Side = Side.BUY, quantity: int = 10, **changes: Any) -> OrderRequest:
    return request(side, quantity, order_type=OrderType.LIMIT, price=Decimal(price), **changes)


def place(venue: Venue, wanted: OrderRequest) -> str:
    placed = venue.broker.place(wanted)
    assert placed.order_id
    return placed.order_id


def report_when(venue: Venue, order_id: str, reached: Callable[[OrderReport], bool]) -> OrderReport:
    """The order's report as soon as `reached`; brokers may take a moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        report = venue.broker.order(order_id)
        if report is not None and reached(report):
            return report
        assert time.monotonic() < deadline, f"{order_id} got no further than {report}"
        time.sleep(0.02)


def report_in(venue: Venue, order_id: str, *statuses: BrokerStatus) -> OrderReport:
    return report_when(venue, order_id, lambda report: report.status in statuses)


def trades_add_up(report: OrderReport) -> bool:
    filled = sum(trade.quantity for trade in report.trades)
    return filled == report.filled_quantity <= report.quantity


def test_a_placed_order_is_in_the_book_with_its_terms_and_its_tag(venue: Venue) -> None:
    wanted = limit("1400", quantity=7, product=Product.CNC)
    order_id = place(venue, wanted)
    report = report_in(venue, order_id, BrokerStatus.OPEN)
    assert (report.order_id, report.tag, report.side) == (order_id, wanted.tag, Side.BUY)
    assert (report.exchange, report.tradingsymbol) == (KEY.exchange, KEY.tradingsymbol)
    assert (report.quantity, report.filled_quantity) == (7, 0)
    assert (report.order_type, report.product) == (OrderType.LIMIT, Product.CNC)
    assert report.price == Decimal(1400)
    assert report.average_price is None
    assert report.trades == ()
    assert report in venue.broker.orders()


def test_what_is_stopped_just_before_it_is_sent_is_in_no_book(venue: Venue) -> None:
    asked: list[str] = []

    def stop() -> None:
        asked.append("stop")
        raise NotSent("halted")

    with pytest.raises(NotSent, match="halted"):
        venue.broker.place(limit("1400"), before_send=stop)
    assert asked == ["stop"]
    assert list(venue.broker.orders()) == []
    placed = venue.broker.place(limit("1400"), before_send=lambda: asked.append("go"))
    assert (len(venue.broker.orders()), asked) == (1, ["stop", "go"])
    place(venue, limit("1400"))
    assert asked == ["stop", "go"]
    assert placed.order_id


def test_order_ids_are_never_given_twice(venue: Venue) -> None:
    ids = [place(venue, limit("1400")) for _ in range(5)]
    assert len(set(ids)) == 5


def test_a_market_order_fills_and_its_trades_add_up(venue: Venue) -> None:
    report = report_in(venue, place(venue, request(quantity=10)), BrokerStatus.COMPLETE)
    assert report.filled_quantity == 10
    assert report.average_price == Decimal(1500)
    assert trades_add_up(report)
    assert {trade.order_id for trade in report.trades} == {report.order_id}
    assert {(trade.exchange, trade.tradingsymbol, trade.side) for trade in report.trades} == {
        (KEY.exchange, KEY.tradingsymbol, Side.BUY)
    }


def test_a_limit_order_rests_until_the_price_comes_to_it(venue: Venue) -> None:
    order_id = place(venue, limit("1490"))
    venue.market.trade_at("1491")
    assert report_in(venue, order_id, BrokerStatus.OPEN).filled_quantity == 0
    venue.market.trade_at("1489")
    report = report_in(venue, order_id, BrokerStatus.COMPLETE)
    assert report.average_price is not None
    assert report.average_price <= Decimal(1490)


def test_a_limit_that_crosses_at_once_gets_the_better_price(venue: Venue) -> None:
    buy = report_in(venue, place(venue, limit("1510")), BrokerStatus.COMPLETE)
    assert buy.average_price == Decimal(1500)
    sell = report_in(venue, place(venue, limit("1480", Side.SELL)), BrokerStatus.COMPLETE)
    assert sell.average_price == Decimal(1500)


def test_a_stop_limit_order_waits_for_its_trigger_and_keeps_its_limit(venue: Venue) -> None:
    wanted = request(order_type=OrderType.SL, trigger_price=Decimal(1510), price=Decimal(1512))
    order_id = place(venue, wanted)
    venue.market.trade_at("1509")
    report_in(venue, order_id, BrokerStatus.TRIGGER_PENDING)
    venue.market.trade_at("1520")
    assert report_in(venue, order_id, BrokerStatus.OPEN).filled_quantity == 0
    venue.market.trade_at("1511")
    report = report_in(venue, order_id, BrokerStatus.COMPLETE)
    assert report.average_price is not None
    assert report.average_price <= Decimal(1512)


def test_a_stop_market_order_trades_once_its_trigger_is_reached(venue: Venue) -> None:
    wanted = request(Side.SELL, order_type=OrderType.SL_M, trigger_price=Decimal(1490))
    order_id = place(venue, wanted)
    venue.market.trade_at("1495")
    report_in(venue, order_id, BrokerStatus.TRIGGER_PENDING)
    venue.market.trade_at("1488")
    assert report_in(venue, order_id, BrokerStatus.COMPLETE).filled_quantity == 10


def test_an_ioc_order_that_cannot_trade_is_cancelled(venue: Venue) -> None:
    order_id = place(venue, limit("1400", validity=Validity.IOC))
    assert report_in(venue, order_id, BrokerStatus.CANCELLED).filled_quantity == 0


def test_a_partial_fill_stays_open_with_what_it_filled(venue: Venue) -> None:
    venue.market.limit_depth(4)
    order_id = place(venue, limit("1500", quantity=10))
    report = report_when(venue, order_id, lambda found: found.filled_quantity == 4)
    assert report.status is BrokerStatus.OPEN
    assert trades_add_up(report)
    venue.market.trade_at("1500")
    venue.market.trade_at("1500")
    report = report_in(venue, order_id, BrokerStatus.COMPLETE)
    assert report.filled_quantity == 10
    assert trades_add_up(report)


def test_cancelling_a_partly_filled_order_keeps_its_fills(venue: Venue) -> None:
    venue.market.limit_depth(4)
    order_id = place(venue, limit("1500", quantity=10))
    report_when(venue, order_id, lambda found: found.filled_quantity == 4)
    venue.broker.cancel(order_id, variety=Variety.REGULAR)
    report = report_in(venue, order_id, BrokerStatus.CANCELLED)
    assert report.filled_quantity == 4
    assert trades_add_up(report)
    venue.market.trade_at("1500")
    assert report_in(venue, order_id, BrokerStatus.CANCELLED).filled_quantity == 4


def test_an_order_that_is_done_cannot_be_cancelled(venue: Venue) -> None:
    order_id = place(venue, request())
    report_in(venue, order_id, BrokerStatus.COMPLETE)
    with pytest.raises(Refused):
        venue.broker.cancel(order_id, variety=Variety.REGULAR)
    report_in(venue, order_id, BrokerStatus.COMPLETE)


def test_an_order_that_does_not_exist_can_neither_be_cancelled_nor_modified(venue: Venue) -> None:
    with pytest.raises(Refused):
        venue.broker.cancel("9999999999", variety=Variety.REGULAR)
    with pytest.raises(Refused):
        venue.broker.modify("9999999999", variety=Variety.REGULAR, quantity=5)


def test_a_modified_order_has_its_new_terms_and_trades_on_them(venue: Venue) -> None:
    if not venue.broker.capabilities.modifies:
        return
    order_id = place(venue, limit("1400", quantity=10))
    report_in(venue, order_id, BrokerStatus.OPEN)
    venue.broker.modify(order_id, variety=Variety.REGULAR, quantity=6, price=Decimal(1450))
    report = report_when(venue, order_id, lambda found: found.price == Decimal(1450))
    assert report.quantity == 6
    venue.market.trade_at("1449")
    assert report_in(venue, order_id, BrokerStatus.COMPLETE).filled_quantity == 6


def test_a_final_order_cannot_be_modified(venue: Venue) -> None:
    order_id = place(venue, limit("1400"))
    venue.broker.cancel(order_id, variety=Variety.REGULAR)
    report_in(venue, order_id, BrokerStatus.CANCELLED)
    with pytest.raises(Refused):
        venue.broker.modify(order_id, variety=Variety.REGULAR, quantity=5)


def test_orders_are_found_by_their_tags_and_by_no_others(venue: Venue) -> None:
    wanted = [limit("1400"), request(), limit("1401")]
    for one in wanted:
        place(venue, one)
    tags = {wanted[0].tag, wanted[1].tag}
    assert {found.tag for found in venue.broker.find_by_tags(tags)} == tags
    assert venue.broker.find_by_tags(["SNOBODYHASTHIS"]) == []
    assert venue.broker.find_by_tags([]) == []


def test_what_the_broker_does_not_know_is_none(venue: Venue) -> None:
    assert venue.broker.order("9999999999") is None
    assert venue.broker.trigger("9999999999") is None


@pytest.mark.parametrize(
    "wanted",
    [
        request(tag="S" * 21),
        request(tag="has space"),
        request(quantity=0),
        request(order_type=OrderType.LIMIT),
        request(order_type=OrderType.SL, price=Decimal(1510)),
        request(order_type=OrderType.SL_M),
    ],
    ids=["long tag", "odd tag", "no quantity", "no limit", "no trigger", "no stop"],
)
def test_what_cannot_be_an_order_is_refused_and_leaves_no_trace(
    venue: Venue, wanted: OrderRequest
) -> None:
    with pytest.raises(Refused) as refused:
        venue.broker.place(wanted)
    assert refused.value.message
    assert venue.broker.orders() == []


def test_an_order_beyond_the_funds_never_trades_and_says_why(venue: Venue) -> None:
    wanted = request(quantity=100_000, product=Product.CNC)
    said = ""
    try:
        order_id = place(venue, wanted)
    except Refused as refused:
        said = refused.message
        assert venue.broker.find_by_tags([wanted.tag]) == []
    else:
        report = report_in(venue, order_id, BrokerStatus.REJECTED)
        said = report.message
        assert report.filled_quantity == 0
    assert said


def test_positions_are_the_sum_of_the_trades(venue: Venue) -> None:
    for wanted in (request(quantity=10), request(Side.SELL, quantity=4)):
        report_in(venue, place(venue, wanted), BrokerStatus.COMPLETE)
    [position] = venue.broker.positions()
    assert (position.exchange, position.tradingsymbol) == (KEY.exchange, KEY.tradingsymbol)
    assert (position.product, position.quantity) == (Product.MIS, 6)
    assert position.average_price == Decimal(1500)


def test_a_position_closed_today_is_shown_flat_with_its_result(venue: Venue) -> None:
    report_in(venue, place(venue, request(quantity=10)), BrokerStatus.COMPLETE)
    venue.market.trade_at("1520")
    report_in(venue, place(venue, request(Side.SELL, quantity=10)), BrokerStatus.COMPLETE)
    [position] = venue.broker.positions()
    assert position.quantity == 0
    assert position.realised + position.unrealised == Decimal(200)


def test_a_position_takes_margin_and_gives_it_back(venue: Venue) -> None:
    before = venue.broker.margins()
    report_in(venue, place(venue, request(quantity=100)), BrokerStatus.COMPLETE)
    during = venue.broker.margins()
    assert during.available < before.available
    assert during.used > before.used
    report_in(venue, place(venue, request(Side.SELL, quantity=100)), BrokerStatus.COMPLETE)
    assert venue.broker.margins().available == before.available


def test_what_executed_orders_cost_is_told_in_their_order_or_not_supported(venue: Venue) -> None:
    executed = [
        ExecutedOrder(
            order_id=str(quantity),
            exchange=KEY.exchange,
            tradingsymbol=KEY.tradingsymbol,
            side=Side.BUY,
            product=Product.MIS,
            order_type=OrderType.MARKET,
            variety=Variety.REGULAR,
            quantity=quantity,
            average_price=Decimal("1500.25"),
        )
        for quantity in (20, 10, 30)
    ]
    if not venue.broker.capabilities.tells_charges:
        with pytest.raises(NotSupported):
            venue.broker.charges(executed)
        return
    second, first, third = venue.broker.charges(executed)
    assert Decimal(0) < first < second < third
    assert venue.broker.charges([]) == []


def test_charges_of_what_does_not_exist_are_refused(venue: Venue) -> None:
    unknown = ExecutedOrder(
        order_id="1",
        exchange=OTHER.exchange,
        tradingsymbol=OTHER.tradingsymbol,
        side=Side.BUY,
        product=Product.MIS,
        order_type=OrderType.MARKET,
        variety=Variety.REGULAR,
        quantity=1,
        average_price=Decimal(1500),
    )
    with pytest.raises(Refused):
        venue.broker.charges([unknown])


def test_last_prices_has_what_is_known_and_nothing_else(venue: Venue) -> None:
    venue.market.trade_at("1507.30")
    found = venue.broker.last_prices([KEY, OTHER])
    assert set(found) == {KEY}
    price, at = found[KEY]
    assert price == Decimal("1507.30")
    assert at.tzinfo is not None


def test_a_quote_has_the_last_price_of_what_is_known(venue: Venue) -> None:
    venue.market.trade_at("1507.30")
    found = venue.broker.quotes([KEY, OTHER])
    assert set(found) == {KEY}
    quote = found[KEY]
    assert quote.price == Decimal("1507.30")
    assert quote.at.tzinfo is not None
    assert (quote.lower is None) == (quote.upper is None)
    assert quote.lower is None or quote.lower <= quote.price <= quote.upper


def test_two_clocks_that_agree_differ_by_nothing(venue: Venue) -> None:
    venue.broker.margins()
    assert not venue.broker.clock_skew()


def test_a_session_that_is_open_says_so(venue: Venue) -> None:
    state = venue.broker.session()
    assert state.connected
    assert state.user_id
    assert state.error == ""


def test_a_resting_day_order_does_not_outlive_its_day(venue: Venue) -> None:
    order_id = place(venue, limit("1400"))
    report_in(venue, order_id, BrokerStatus.OPEN)
    venue.market.end_day()
    report = report_when(venue, order_id, lambda found: found.status.final)
    assert report.status in (BrokerStatus.EXPIRED, BrokerStatus.CANCELLED)
    assert report.filled_quantity == 0


def test_a_gtt_rests_until_its_trigger_and_then_becomes_an_order(venue: Venue) -> None:
    if not venue.broker.capabilities.triggers:
        return
    placed = venue.broker.place(gtt())
    assert placed.order_id is None
    assert placed.trigger_id
    report = venue.broker.trigger(placed.trigger_id)
    assert report is not None
    assert (report.status, report.order_id) == (BrokerStatus.TRIGGER_ACTIVE, None)
    assert placed.trigger_id in {found.trigger_id for found in venue.broker.orders()}
    venue.market.trade_at("1460")
    assert venue.broker.trigger(placed.trigger_id) == report
    venue.market.trade_at("1449")
    fired = venue.broker.trigger(placed.trigger_id)
    assert fired is not None
    assert fired.order_id
    filled = report_in(venue, fired.order_id, BrokerStatus.COMPLETE)
    assert filled.trigger_id == placed.trigger_id
    assert trades_add_up(filled)


def test_a_gtt_outlives_the_day(venue: Venue) -> None:
    if not venue.broker.capabilities.triggers:
        return
    trigger_id = venue.broker.place(gtt()).trigger_id
    assert trigger_id
    venue.market.end_day()
    report = venue.broker.trigger(trigger_id)
    assert report is not None
    assert report.status is BrokerStatus.TRIGGER_ACTIVE
    assert report in venue.broker.orders()


def test_a_gtt_that_is_withdrawn_never_fires(venue: Venue) -> None:
    if not venue.broker.capabilities.triggers:
        return
    trigger_id = venue.broker.place(gtt()).trigger_id
    assert trigger_id
    venue.broker.cancel_trigger(trigger_id)
    venue.market.trade_at("1440")
    report = venue.broker.trigger(trigger_id)
    assert report is not None
    assert (report.status, report.order_id) == (BrokerStatus.CANCELLED, None)
    with pytest.raises(Refused):
        venue.broker.cancel_trigger(trigger_id)


def gtt() -> OrderRequest:
    return limit(
        "1451",
        trigger_price=Decimal(1450),
        variety=Variety.GTT,
        product=Product.CNC,
        last_price=Decimal(1500),
    )
