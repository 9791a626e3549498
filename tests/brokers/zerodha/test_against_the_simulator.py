"""What the adapter makes of a Kite that misbehaves, beside what that Kite really did."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from brokers.errors import (
    MarketClosed,
    NotSent,
    OutcomeUnknown,
    PermissionRefused,
    RateLimited,
    Refused,
    SessionExpired,
)
from brokers.port import BrokerStatus, TriggerLeg
from brokers.simulator import faults
from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.faults import Fault
from brokers.simulator.server import KiteSimulator
from brokers.zerodha import session
from brokers.zerodha.adapter import ZerodhaBroker
from tests.brokers.zerodha.samples import a_gtt, an_order
from tests.support import kite
from tests.support.processes import wait_until
from trading.domain.values import InstrumentKey, OrderType, Product, Side, Variety

TIMEOUT = 0.4
PATIENCE = 3 * TIMEOUT
INFY = InstrumentKey("NSE", "INFY")


@pytest.fixture
def simulator() -> Iterator[KiteSimulator]:
    exchange = Exchange(SimClock(), user_id="SIM001", prices_move=False, always_open=True)
    with kite.simulator(exchange=exchange, rate_limits=False) as running:
        running.set_price(INFY.exchange, INFY.tradingsymbol, Decimal(1500))
        yield running


@pytest.fixture
def broker(simulator: KiteSimulator) -> ZerodhaBroker:
    return ZerodhaBroker(kite.API_KEY, simulator.login(), simulator.root, TIMEOUT)


def reached(simulator, broker, order_id, status):
    """The order's report once it has come to `status`."""

    def there() -> bool:
        simulator.exchange.tick()
        return broker.order(order_id).status is status

    wait_until(there, f"the order is {status}", 5)
    return broker.order(order_id)


UNCLEAR: list[tuple[Fault, int]] = [
    (faults.accept_then_timeout(PATIENCE), 1),
    (faults.timeout_not_accepted(PATIENCE), 0),
    (faults.lying_400(), 1),
    *(
        (fault(status, body), placed)
        for fault, placed in ((faults.accept_then_status, 1), (faults.refuse_status, 0))
        for status in (500, 502, 503, 504)
        for body in faults.BODIES
    ),
    (faults.reset_before(), 0),
    (faults.reset_after_accept(), 1),
    (faults.cut_body(), 1),
    (faults.malformed(), 1),
    (faults.malformed(accepted=False), 0),
    (faults.null_body(), 1),
    (faults.list_body(), 1),
    (faults.no_order_id(), 1),
    (faults.empty_200(), 1),
    (faults.no_content_type(), 1),
    (faults.redirect("http://127.0.0.1:9/"), 0),
    (faults.slow(PATIENCE), 1),
]


@pytest.mark.parametrize(
    ("fault", "placed"), UNCLEAR, ids=lambda value: getattr(value, "kind", value)
)
def test_an_order_whose_fate_is_unclear_is_unknown_and_is_found_by_its_tag_if_it_is_there(
    simulator, broker, fault, placed
):
    simulator.faults.script("place", fault)
    wanted = an_order(price=Decimal(1400))
    with pytest.raises(OutcomeUnknown):
        broker.place(wanted)
    orders = simulator.exchange.ledger()["orders"]
    assert len(simulator.journal.entries("place")) == 1
    if fault.kind != "slow":
        assert len(orders) == placed
        assert len(broker.find_by_tags([wanted.tag])) == placed


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.rate_limited(), RateLimited),
        (faults.token_exception(), SessionExpired),
        (faults.permission_ip(), PermissionRefused),
    ],
    ids=lambda value: getattr(value, "kind", None) or value.__name__,
)
def test_an_order_that_was_turned_away_is_not_in_the_book(simulator, broker, fault, expected):
    simulator.faults.script("place", fault)
    with pytest.raises(expected) as error:
        broker.place(an_order(price=Decimal(1400)))
    assert type(error.value) is expected
    assert simulator.exchange.ledger()["orders"] == []


def test_a_broker_that_nobody_can_reach_was_never_asked(simulator, broker):
    simulator.refuse_connections(PATIENCE)
    with pytest.raises(NotSent):
        broker.place(an_order(price=Decimal(1400)))
    assert simulator.exchange.ledger()["orders"] == []


def test_a_success_under_500_is_an_order(simulator, broker):
    simulator.faults.script("place", faults.success_500())
    placed = broker.place(an_order(price=Decimal(1400)))
    assert "500" in placed.anomaly
    assert [row["order_id"] for row in simulator.exchange.ledger()["orders"]] == [placed.order_id]


def test_two_orders_under_one_tag_are_both_seen(simulator, broker):
    simulator.faults.script("place", faults.duplicate_order())
    wanted = an_order(price=Decimal(1400))
    broker.place(wanted)
    assert len(broker.find_by_tags([wanted.tag])) == 2


@pytest.mark.parametrize("call", ["orders", "trades", "gtts"])
@pytest.mark.parametrize(
    "fault",
    [
        faults.cut_body(),
        faults.malformed(),
        faults.null_body(),
        faults.list_body(),
        faults.no_order_id(),
        faults.empty_200(),
        faults.no_content_type(),
        faults.success_500(),
        faults.refuse_status(503, "html"),
        faults.reset_before(),
        faults.slow(PATIENCE),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_book_that_is_not_whole_is_never_taken_for_an_empty_one(simulator, broker, call, fault):
    simulator.faults.script(call, fault)
    with pytest.raises(OutcomeUnknown):
        broker.orders()


def test_a_book_that_shows_everything_twice_counts_once(simulator, broker):
    broker.place(an_order(price=Decimal(1400)))
    simulator.exchange.behaviour.duplicate_rows = True
    assert len(broker.orders()) == 1


def test_a_closed_market_and_a_lack_of_funds_are_told_apart(simulator, broker):
    simulator.exchange.behaviour.market_closed = True
    with pytest.raises(MarketClosed):
        broker.place(an_order(price=Decimal(1400)))
    simulator.exchange.behaviour.market_closed = False
    with pytest.raises(Refused) as refused:
        broker.place(an_order(quantity=1000, product=Product.CNC))
    assert type(refused.value) is Refused
    assert "Insufficient funds" in refused.value.message


def test_an_order_refused_later_is_rejected_with_its_reason(simulator, broker):
    simulator.exchange.behaviour.reject_async = "RMS:Rule: Check freeze quantity for NSE CASH"
    order_id = broker.place(an_order(price=Decimal(1400))).order_id
    assert order_id
    report = reached(simulator, broker, order_id, BrokerStatus.REJECTED)
    assert "freeze" in report.message


@pytest.mark.parametrize(
    ("side", "stop", "target", "reached", "fires"),
    [
        (Side.BUY, "1600", "1400", "1600", 0),
        (Side.BUY, "1600", "1400", "1400", 1),
    ],
)
def test_of_two_legs_one_fires_and_the_other_ends(
    simulator, broker, side, stop, target, reached, fires
):
    legs = a_gtt(
        side=side,
        trigger_price=Decimal(stop),
        price=Decimal(stop),
        second_leg=TriggerLeg(Decimal(target), Decimal(target)),
    )
    trigger_id = broker.place(legs).trigger_id
    assert {report.leg for report in broker.orders()} == {0, 1}
    simulator.set_price(INFY.exchange, INFY.tradingsymbol, Decimal(reached))
    found = {report.leg: report for report in broker.orders()}
    assert found[fires].order_id
    assert found[fires].trigger_id == found[1 - fires].trigger_id == trigger_id
    assert found[1 - fires].status is BrokerStatus.CANCELLED
    assert broker.trigger(trigger_id).leg == fires


def test_a_parked_order_is_changed_and_cancelled_under_its_own_variety(simulator, broker):
    simulator.exchange.close_market()
    amo = an_order(price=Decimal(1400), variety=Variety.AMO)
    order_id = broker.place(amo).order_id
    assert broker.order(order_id).variety is Variety.AMO
    broker.modify(order_id, variety=Variety.AMO, quantity=5)
    assert broker.order(order_id).quantity == 5
    broker.cancel(order_id, variety=Variety.REGULAR)
    reached(simulator, broker, order_id, BrokerStatus.CANCELLED)


def test_a_stop_is_modified_with_its_protection(simulator, broker):
    stop = an_order(
        order_type=OrderType.SL_M, side=Side.SELL, price=None, trigger_price=Decimal(1400)
    )
    order_id = broker.place(stop).order_id
    reached(simulator, broker, order_id, BrokerStatus.TRIGGER_PENDING)
    broker.modify(order_id, variety=Variety.REGULAR, trigger_price=Decimal(1410))
    assert broker.order(order_id).trigger_price == Decimal(1410)


def test_the_cost_of_an_order_and_the_instruments_are_read(simulator, broker):
    cost = broker.order_cost(an_order(product=Product.CNC, price=Decimal(1400)))
    assert cost.required == 14000
    assert cost.charges > 0
    rows = {(row.exchange, row.tradingsymbol): row for row in broker.instruments()}
    assert rows["NSE", "INFY"].lot_size == 1
    assert ("NSE", "M&M") in rows


def test_a_login_gives_a_session_and_a_logout_ends_it(simulator):
    token = simulator.request_token()
    found = session.exchange(token, kite.API_KEY, kite.API_SECRET, simulator.root)
    broker = ZerodhaBroker(kite.API_KEY, found.access_token, simulator.root)
    assert broker.session().user_id == found.user_id == "SIM001"
    with pytest.raises(SessionExpired):
        session.exchange(token, kite.API_KEY, kite.API_SECRET, simulator.root)
    session.revoke(found.access_token, kite.API_KEY, simulator.root)
    assert not broker.session().connected
    session.revoke(found.access_token, kite.API_KEY, simulator.root)
