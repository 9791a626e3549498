"""What the paper broker does beyond the port's promises: tags, prices, funds, modifications."""

from decimal import Decimal

import pytest

from brokers.errors import NoPrice, NotSupported, Refused
from brokers.models import BrokerConnection, PaperAccount, PaperOrder, PaperTrade
from brokers.paper.adapter import PaperBroker
from brokers.port import BrokerStatus, OrderReport, OrderRequest
from tests.brokers.conformance import limit, request
from trading.domain.values import OrderType, Product, Side, Validity, Variety

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def placed(broker: PaperBroker, wanted: OrderRequest) -> OrderReport:
    order_id = broker.place(wanted).order_id
    assert order_id
    report = broker.order(order_id)
    assert report
    return report


def test_the_same_tag_again_gives_the_first_order_and_no_second(broker):
    wanted = request(quantity=10)
    first = broker.place(wanted)
    again = broker.place(request(quantity=99, tag=wanted.tag))
    assert again == first
    assert PaperOrder.objects.count() == PaperTrade.objects.count() == 1
    [position] = broker.positions()
    assert position.quantity == 10


def test_the_same_tag_again_does_not_wake_an_order_that_ended(broker):
    wanted = limit("1400")
    order_id = placed(broker, wanted).order_id
    broker.cancel(order_id, variety=Variety.REGULAR)
    assert broker.place(wanted).order_id == order_id
    assert broker.order(order_id).status is BrokerStatus.CANCELLED


def test_a_tag_belongs_to_its_account(broker):
    other = PaperBroker(BrokerConnection.objects.create(name="second"))
    wanted = request(quantity=10)
    ids = {broker.place(wanted).order_id, other.place(wanted).order_id}
    assert len(ids) == 2
    assert [report.order_id for report in other.orders()] == [other.orders()[0].order_id]
    assert broker.order(other.orders()[0].order_id) is None


def test_a_new_account_starts_with_ten_lakh(connection):
    margins = PaperBroker(connection).margins()
    assert (margins.available, margins.used, margins.net) == (1_000_000, 0, 1_000_000)
    assert PaperAccount.objects.get(connection=connection).starting_cash == 1_000_000


def test_without_any_price_a_market_order_is_rejected_in_the_book(broker):
    report = placed(broker, OrderRequest("STAG", "NSE", "SBIN", Side.BUY, 10))
    assert report.status is BrokerStatus.REJECTED
    assert "No price is known for NSE:SBIN" in report.message
    assert report.trades == ()


def test_the_alerts_price_is_used_when_the_market_has_none(broker):
    wanted = OrderRequest("STAG", "NSE", "SBIN", Side.BUY, 10, reference_price=Decimal("812.35"))
    assert placed(broker, wanted).average_price == Decimal("812.35")


def test_slippage_makes_market_fills_worse(broker, market):
    market.set(slippage_bps=10)
    assert placed(broker, request()).average_price == Decimal("1501.50")
    assert placed(broker, request(Side.SELL)).average_price == Decimal("1498.50")


def test_an_order_beyond_the_funds_is_rejected_with_both_amounts(broker):
    report = placed(broker, request(quantity=667, product=Product.CNC))
    assert report.status is BrokerStatus.REJECTED
    assert report.message == (
        "Insufficient funds: required ₹1000500.00, available ₹1000000.00 for BUY 667 NSE:INFY CNC."
    )
    assert broker.margins().available == 1_000_000


def test_the_margins_of_the_account_are_its_own_settings(broker, market):
    market.set(intraday_margin_percent=Decimal(50), carry_margin_percent=Decimal("12.5"))
    placed(broker, request(quantity=100))
    assert broker.margins().used == Decimal(75_000)
    placed(broker, request(quantity=100, product=Product.NRML))
    assert broker.margins().used == Decimal(75_000) + Decimal(18_750)


def test_resting_orders_block_their_margin_until_they_are_cancelled(broker):
    report = placed(broker, limit("1400", quantity=100))
    assert broker.margins().used == Decimal(28_000)
    broker.cancel(report.order_id, variety=Variety.REGULAR)
    assert broker.margins().used == 0


def test_resting_orders_leave_less_for_the_next(broker):
    placed(broker, limit("1400", quantity=600, product=Product.CNC))
    report = placed(broker, limit("1400", quantity=115, product=Product.CNC))
    assert report.status is BrokerStatus.REJECTED
    assert "required ₹161000.00, available ₹160000.00" in report.message


def test_delivery_that_is_not_held_cannot_be_sold(broker):
    report = placed(broker, request(Side.SELL, product=Product.CNC))
    assert report.status is BrokerStatus.REJECTED
    assert "Insufficient holdings" in report.message
    placed(broker, request(quantity=10, product=Product.CNC))
    sold = placed(broker, request(Side.SELL, quantity=10, product=Product.CNC))
    assert sold.status is BrokerStatus.COMPLETE


def test_delivery_bought_yesterday_can_be_sold_today(broker, clock):
    placed(broker, request(quantity=10, product=Product.CNC))
    clock.move(days=1)
    [position] = broker.positions()
    assert (position.quantity, broker.holdings()) == (10, [])
    sold = placed(broker, request(Side.SELL, quantity=10, product=Product.CNC))
    assert sold.status is BrokerStatus.COMPLETE


def test_what_was_realised_yesterday_is_not_todays(broker, market, clock):
    placed(broker, request(quantity=10))
    market.trade_at("1510")
    placed(broker, request(Side.SELL, quantity=4))
    clock.move(days=1)
    market.trade_at("1520")
    placed(broker, request(Side.SELL, quantity=5))
    [position] = broker.positions()
    assert (position.quantity, position.realised) == (1, Decimal(100))
    assert (position.average_price, position.unrealised) == (Decimal(1500), Decimal(20))
    assert broker.margins().net == Decimal(1_000_140)


def test_a_position_closed_yesterday_is_not_shown_today(broker, clock):
    placed(broker, request(quantity=10))
    placed(broker, request(Side.SELL, quantity=10))
    assert len(broker.positions()) == 1
    clock.move(days=1)
    assert broker.positions() == []


def test_the_cost_of_an_order_is_the_margin_that_it_would_add(broker):
    def cost(wanted: OrderRequest) -> Decimal:
        found = broker.order_cost(wanted)
        assert found.charges == 0
        return found.required

    assert cost(limit("1400", product=Product.CNC)) == 14000
    assert cost(request()) == 3000
    assert broker.orders() == []
    placed(broker, request())
    assert cost(request(Side.SELL)) == 0
    assert cost(request(Side.SELL, 15)) == Decimal(1500)


def test_a_cost_that_cannot_be_known_and_a_list_that_is_not_there_say_so(broker):
    unseen = OrderRequest("SUNSEEN", "NSE", "NEVERSEEN", Side.BUY, 1)
    with pytest.raises(NotSupported, match="No price is known"):
        broker.order_cost(unseen)
    with pytest.raises(Refused, match="quantity"):
        broker.order_cost(request(quantity=0))
    with pytest.raises(NotSupported, match="instrument list"):
        broker.instruments()


def test_the_multiplier_counts_in_funds_and_results(broker, market):
    market.trade_at("100", symbol="GOLD")
    for side, price in ((Side.BUY, "100"), (Side.SELL, "103")):
        market.trade_at(price, symbol="GOLD")
        wanted = OrderRequest(
            f"SGOLD{side}", "NSE", "GOLD", side, 2, multiplier=Decimal(10), product=Product.NRML
        )
        placed(broker, wanted)
    assert broker.margins().net == Decimal(1_000_060)


def test_the_book_shows_today_and_what_still_rests(broker, market, clock):
    done = placed(broker, request()).order_id
    trigger = broker.place(
        limit("1451", trigger_price=Decimal(1450), variety=Variety.GTT)
    ).trigger_id
    resting = placed(broker, limit("1400")).order_id
    market.end_day()
    ended = broker.orders()
    assert {(one.order_id, one.trigger_id) for one in ended} == {
        (resting, None),
        (None, trigger),
    }
    assert {one.status for one in ended} == {BrokerStatus.EXPIRED, BrokerStatus.TRIGGER_ACTIVE}
    clock.move(days=1)
    assert [one.trigger_id for one in broker.orders()] == [trigger]
    assert broker.order(done) is not None


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (request(tag=""), "tag"),
        (request(tag="S-1"), "tag"),
        (OrderRequest("STAG", "NYSE", "IBM", Side.BUY, 1), "exchange"),
        (OrderRequest("STAG", "NSE", "", Side.BUY, 1), "tradingsymbol"),
        (OrderRequest("STAG", "NSE", "INFY", Side.BUY, 1, multiplier=Decimal(0)), "multiplier"),
        (request(quantity=-1), "quantity"),
        (request(quantity=10**10), "quantity"),
        (limit("0"), "price"),
        (limit("NaN"), "price"),
        (request(order_type=OrderType.SL_M, trigger_price=Decimal(-1)), "trigger_price"),
        (
            request(order_type=OrderType.SL, trigger_price=Decimal(10), price=Decimal(9)),
            "trigger_price",
        ),
        (
            request(order_type=OrderType.SL_M, trigger_price=Decimal(9), validity=Validity.IOC),
            "validity",
        ),
        (request(variety=Variety.GTT, trigger_price=Decimal(9)), "order_type"),
        (limit("1400", variety=Variety.GTT), "trigger_price"),
        (
            limit("1400", variety=Variety.GTT, trigger_price=Decimal(1400), validity=Validity.IOC),
            "validity",
        ),
    ],
)
def test_a_refusal_names_the_field(broker, wanted, field):
    with pytest.raises(Refused, match=field):
        broker.place(wanted)
    assert PaperOrder.objects.count() == 0


@pytest.mark.parametrize("changes", [{"variety": Variety.AMO}, {"validity": Validity.TTL}])
def test_what_paper_does_not_do_is_said(broker, changes):
    with pytest.raises(NotSupported):
        broker.place(request(**changes))


def test_a_modified_order_that_can_trade_does_so_at_once(broker):
    order_id = placed(broker, limit("1400")).order_id
    broker.modify(order_id, variety=Variety.REGULAR, price=Decimal(1505))
    report = broker.order(order_id)
    assert (report.status, report.average_price) == (BrokerStatus.COMPLETE, Decimal(1500))


def test_a_modified_order_meets_the_price_of_now_and_not_that_of_its_arrival(broker, market):
    fields = {"order_type": OrderType.LIMIT, "price": Decimal(800)}
    wanted = OrderRequest(
        "STAG", "NSE", "SBIN", Side.BUY, 1, reference_price=Decimal(850), **fields
    )
    order_id = placed(broker, wanted).order_id
    market.trade_at("820", symbol="SBIN", source="alert")
    broker.modify(order_id, variety=Variety.REGULAR, price=Decimal(830))
    assert broker.order(order_id).average_price == Decimal(820)


def test_a_limit_order_can_become_a_market_or_a_stop_order(broker, market):
    order_id = placed(broker, limit("1400")).order_id
    broker.modify(
        order_id, variety=Variety.REGULAR, order_type=OrderType.SL_M, trigger_price=Decimal(1520)
    )
    assert broker.order(order_id).status is BrokerStatus.TRIGGER_PENDING
    broker.modify(order_id, variety=Variety.REGULAR, order_type=OrderType.MARKET)
    assert broker.order(order_id).status is BrokerStatus.COMPLETE


def test_a_refused_modification_changes_nothing(broker, market):
    market.limit_depth(4)
    before = placed(broker, limit("1500", quantity=10))
    for changes in (
        {"quantity": 4},
        {"quantity": 3},
        {"price": Decimal(0)},
        {"order_type": OrderType.SL},
        {"quantity": 10_000},
        {"validity": Validity.TTL},
    ):
        with pytest.raises(Refused):
            broker.modify(before.order_id, variety=Variety.REGULAR, **changes)
    assert broker.order(before.order_id) == before


def test_a_modification_to_market_without_a_price_is_refused(broker):
    report = placed(
        broker,
        OrderRequest("STAG", "NSE", "SBIN", Side.BUY, 1, OrderType.LIMIT, price=Decimal(800)),
    )
    with pytest.raises(NoPrice):
        broker.modify(report.order_id, variety=Variety.REGULAR, order_type=OrderType.MARKET)
    assert broker.order(report.order_id) == report


def test_a_gtt_that_the_funds_cannot_carry_is_rejected_when_it_fires(broker, market):
    wanted = limit("1451", quantity=10_000, trigger_price=Decimal(1450), variety=Variety.GTT)
    trigger_id = broker.place(wanted).trigger_id
    assert broker.trigger(trigger_id).status is BrokerStatus.TRIGGER_ACTIVE
    assert broker.margins().used == 0
    market.trade_at("1450")
    report = broker.trigger(trigger_id)
    assert report.status is BrokerStatus.REJECTED
    assert "Insufficient funds" in report.message
    assert report.order_id


def test_a_gtt_whose_limit_the_market_left_behind_rests_as_an_order(broker, market):
    wanted = limit("1550", trigger_price=Decimal(1540), variety=Variety.GTT)
    trigger_id = broker.place(wanted).trigger_id
    market.trade_at("1560")
    report = broker.trigger(trigger_id)
    assert report.status is BrokerStatus.OPEN
    with pytest.raises(Refused, match="can't be withdrawn"):
        broker.cancel_trigger(trigger_id)
    market.trade_at("1545")
    assert broker.trigger(trigger_id).status is BrokerStatus.COMPLETE


def test_the_same_tag_again_gives_the_first_gtt(broker):
    wanted = limit("1451", trigger_price=Decimal(1450), variety=Variety.GTT)
    first = broker.place(wanted)
    assert broker.place(wanted) == first
    assert PaperOrder.objects.count() == 1


def test_a_connection_that_is_switched_off_has_no_session(connection):
    connection.enabled = False
    state = PaperBroker(connection).session()
    assert not state.connected
    assert "switched off" in state.error
