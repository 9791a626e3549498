"""What risk is handed of an order, its instrument, its market, its strategy and its account."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from brokers.accounts import ensure_paper_account
from brokers.models import (
    AccountHolding,
    AccountPosition,
    AccountState,
    BrokerConnection,
    PriceBand,
    PriceTick,
)
from brokers.prices import record_price
from risk.engine.denials import Code
from risk.engine.snapshot import Snapshot
from risk.models import Breaker, ProductSchedule, RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.support.trades import traded
from trading.domain.order import Status
from trading.domain.values import Product
from trading.models import Alert, ContractRule, Instrument, Order, OrderMargin, RateWindow
from trading.services import exposure, lifecycle, queue
from trading.services.account_facts import account_facts
from trading.services.margin_facts import asked_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

# A Wednesday, in the middle of every session.
NOW = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)


@pytest.fixture(autouse=True)
def _noon():
    clock.use(lambda: NOW)
    yield
    clock.use(None)


def paper() -> BrokerConnection:
    return ensure_paper_account()


@pytest.fixture
def live() -> BrokerConnection:
    """A real account whose broker was read a second ago."""
    account = BrokerConnectionFactory()
    read_at = NOW - timedelta(seconds=1)
    AccountState.objects.create(
        connection=account,
        book_read_at=read_at,
        positions_read_at=read_at,
        holdings_read_at=read_at,
        funds_read_at=read_at,
        available=Decimal(50_000),
    )
    return account


def listed(exchange: str = "NSE", tradingsymbol: str = "INFY", **fields: object) -> Instrument:
    values = {
        "exchange": exchange,
        "tradingsymbol": tradingsymbol,
        "search_key": tradingsymbol,
        "instrument_type": "EQ",
        "tick_size": Decimal("0.1"),
        "listed_on": NOW.date(),
    }
    return Instrument.objects.create(**(values | fields))


def nifty_future(**fields: object) -> Instrument:
    values = {
        "name": "NIFTY",
        "instrument_type": "FUT",
        "segment": "NFO-FUT",
        "expiry": date(2026, 12, 29),
        "lot_size": 65,
    }
    return listed("NFO", "NIFTY26DECFUT", **(values | fields))


def shown(account: BrokerConnection, quantity: int, **fields: object) -> None:
    """A position as the broker shows it."""
    values = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": "MIS",
        "average_price": Decimal(1500),
        "last_price": Decimal(1510),
        "read_at": NOW,
    }
    AccountPosition.objects.create(connection=account, quantity=quantity, **(values | fields))


def working(status: Status = Status.SENT, **fields: object) -> Order:
    """An order at its broker, or on its way."""
    order = make_order(Status.QUEUED, **fields)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    if status is not Status.SENDING:
        lifecycle.walk(
            order,
            status,
            actor="broker",
            changes={"sent_at": NOW, "broker_order_id": f"B{order.pk}"},
        )
    return order


def limit(status: Status = Status.SENT, price: str = "1400", **fields: object) -> Order:
    return working(status, order_type="LIMIT", price=Decimal(price), **fields)


def snapshot(order: Order | None = None, **fields: object) -> Snapshot:
    order = order or make_order(**fields)
    return exposure.snapshot_for(order, order.connection, session_ok=True)


# -- the order ---------------------------------------------------------------------------------


def test_an_intent_carries_when_its_alert_came_and_how_it_goes():
    at = NOW - timedelta(seconds=40)
    alert = Alert.objects.create(raw_body="{}", received_at=at, outcome="ACCEPTED")
    intent = exposure.intent_of(make_order(alert=alert, validity="IOC", gtt=True))
    assert (intent.received_at, intent.validity, intent.gtt) == (at, "IOC", True)
    assert intent.retries == ()


def test_an_intent_names_the_originals_of_a_retry_of_a_retry():
    first = make_order()
    second = make_order(retry_of=first)
    third = make_order(retry_of=second)
    assert exposure.intent_of(third).retries == (second.pk, first.pk)


# -- the instrument ----------------------------------------------------------------------------


def test_without_a_list_nothing_is_said_to_be_unlisted():
    assert snapshot().instrument.listed is None


def test_an_instrument_that_its_exchanges_list_lacks_is_not_listed():
    listed(tradingsymbol="TCS")
    assert snapshot().instrument.listed is False


def test_a_listed_contract_tells_its_lot_its_expiry_its_freeze_and_its_underlying(contract_rules):
    nifty_future()
    ContractRule.objects.filter(exchange="NFO", name="NIFTY").update(freeze_quantity=1800)
    order = make_order(symbol="NFO:NIFTY1!", exchange="NFO", tradingsymbol="NIFTY26DECFUT", qty=65)
    facts = snapshot(order).instrument
    assert (facts.listed, facts.kind, facts.segment) == (True, "FUT", "DERIVATIVES")
    assert (facts.underlying, facts.of_index) == ("NIFTY", True)
    assert (facts.lot_size, facts.tick_size) == (65, Decimal("0.1"))
    assert (facts.expiry, facts.freeze_quantity) == (date(2026, 12, 29), 1800)


def test_a_contract_of_a_share_is_of_no_index():
    nifty_future(name="RELIANCE")
    order = make_order(exchange="NFO", tradingsymbol="NIFTY26DECFUT")
    assert snapshot(order).instrument.of_index is False


def test_a_share_in_another_series_has_the_shares_own_name_as_underlying():
    listed(tradingsymbol="CENTRALBK-BE")
    order = make_order(tradingsymbol="CENTRALBK-BE")
    assert snapshot(order).instrument.underlying == "CENTRALBK"


def test_an_index_is_known_as_one():
    listed(tradingsymbol="NIFTY 50", segment="INDICES")
    assert snapshot(make_order(tradingsymbol="NIFTY 50")).instrument.kind == "INDEX"


@pytest.mark.parametrize(("days_ago", "lower"), [(0, Decimal(1350)), (1, None)])
def test_circuits_are_those_of_today(days_ago, lower):
    PriceBand.objects.create(
        exchange="NSE",
        tradingsymbol="INFY",
        lower=Decimal(1350),
        upper=Decimal(1650),
        read_at=NOW - timedelta(days=days_ago),
    )
    assert snapshot().instrument.lower_circuit == lower


# -- the market --------------------------------------------------------------------------------


def test_the_market_is_open_with_the_hour_of_its_square_off():
    facts = snapshot().market
    assert (facts.open, facts.covered, facts.state) == (True, True, "OPEN")
    assert facts.square_off_at == NOW.replace(hour=15, minute=25)


def test_a_product_that_is_carried_has_no_square_off():
    assert snapshot(product=Product.CNC).market.square_off_at is None


def test_past_the_calendar_the_day_is_not_covered():
    clock.use(lambda: datetime(2031, 1, 6, 11, 0, tzinfo=clock.IST))
    assert snapshot().market.covered is False


def test_the_users_last_hour_for_entries_is_of_the_product_and_of_today():
    ProductSchedule.objects.create(product="MIS", no_new_entries_at=time(14, 45))
    assert snapshot().market.no_new_entries_at == NOW.replace(hour=14, minute=45)
    assert snapshot(product=Product.CNC).market.no_new_entries_at is None
    ProductSchedule.objects.update(enabled=False)
    assert snapshot().market.no_new_entries_at is None


# -- positions and orders ----------------------------------------------------------------------


def test_a_paper_position_is_valued_at_the_last_price():
    traded(paper(), "BUY", 10, "1500")
    record_price("NSE", "INFY", Decimal(1520), NOW, "alert")
    (position,) = snapshot().account.positions
    assert (position.key, position.quantity, position.price) == (
        "NSE:INFY|MIS",
        10,
        Decimal(1520),
    )
    assert (position.underlying, position.segment, position.kind) == ("INFY", "EQUITY", "EQ")


def test_a_real_position_is_what_the_broker_shows_with_our_fills_since(live):
    shown(live, 15)
    traded(live, "BUY", 10, "1500", at=NOW)
    facts = snapshot(connection=live)
    assert facts.position_quantity == 25
    assert facts.account.positions[0].quantity == 25
    assert facts.account.positions[0].price == Decimal(1510)


def test_an_alerts_price_values_no_real_position(live):
    shown(live, 15)
    record_price("NSE", "INFY", Decimal(9), NOW, "alert")
    facts = snapshot(connection=live)
    assert (facts.last_price, facts.account.positions[0].price) == (None, Decimal(1510))


def test_positions_of_yesterdays_read_do_not_count(live):
    shown(live, 15)
    AccountState.objects.update(positions_read_at=NOW - timedelta(days=1))
    assert snapshot(connection=live).account.positions == ()


def test_working_orders_are_told_apart_by_side_and_valued():
    limit(qty=10)
    limit(qty=4, side="SELL", price="1600")
    facts = snapshot().account
    (position,) = facts.positions
    assert (position.quantity, position.working_buy, position.working_sell) == (0, 10, 4)
    assert position.price == Decimal(1400)  # nothing else is known
    assert [one.value for one in facts.working] == [Decimal(14_000), Decimal(6_400)]


@pytest.mark.parametrize("status", [Status.SENDING, Status.UNKNOWN, Status.SENT])
def test_whatever_may_still_fill_works(status):
    order = limit(status)
    assert [one.order_id for one in snapshot().account.working] == [order.pk]


@pytest.mark.parametrize("status", [Status.WAITING, Status.QUEUED])
def test_what_is_not_claimed_does_not_work(status):
    make_order(status)
    assert snapshot().account.working == ()


def test_a_market_order_is_worth_what_its_alert_saw():
    working(qty=10)
    assert snapshot().account.working[0].value == Decimal(15_000)


def test_an_order_without_any_price_has_no_value():
    working(qty=10, reference_price=None)
    assert snapshot().account.working[0].value is None


def test_the_order_itself_is_no_part_of_the_account():
    order = limit()
    facts = snapshot(order).account
    assert (facts.working, facts.positions) == ((), ())


def test_of_two_legs_of_a_trigger_one_counts():
    stop = limit(qty=10, side="SELL", reduce_only=True)
    limit(qty=10, side="SELL", price="1600", reduce_only=True, oco_with=stop)
    facts = snapshot()
    assert [one.order_id for one in facts.account.working] == [stop.pk]
    assert facts.account.positions[0].working_sell == 10


def test_another_accounts_orders_and_positions_are_no_part_of_it(live):
    traded(paper(), "BUY", 10, "1500")
    limit(tradingsymbol="TCS")
    facts = snapshot(connection=live).account
    assert (facts.positions, facts.working) == ((), ())


# -- the day -----------------------------------------------------------------------------------


def test_an_order_that_was_not_answered_yet_is_one_of_the_day():
    traded(paper(), "BUY", 10, "1500")
    working(Status.SENDING, tradingsymbol="TCS")
    day = snapshot().account.day
    assert (day.orders, day.trades) == (2, 2)


def test_an_exit_on_its_way_is_an_order_and_no_trade():
    traded(paper(), "BUY", 10, "1500")
    working(Status.SENDING, side="SELL", reduce_only=True)
    day = snapshot().account.day
    assert (day.orders, day.trades) == (2, 1)


def test_the_accounts_own_limit_counts_what_the_limiter_counted(live):
    live.orders_per_day = 100
    live.save()
    midnight = NOW.replace(hour=0)
    RateWindow.objects.create(connection=live, period="day", window_start=midnight, count=17)
    facts = snapshot(connection=live).account
    assert (facts.sent_today, facts.orders_per_day) == (17, 100)


# -- margin ------------------------------------------------------------------------------------


def answered(order: Order, required: str, seconds_ago: int = 0) -> None:
    OrderMargin.objects.create(
        order=order,
        asked=asked_of(order),
        required=Decimal(required),
        read_at=NOW - timedelta(seconds=seconds_ago),
    )


def test_the_brokers_answer_counts_for_the_order_as_it_is(live):
    order = make_order(connection=live)
    answered(order, "3100.5")
    margin = snapshot(order).account.margin
    assert (margin.available, margin.required) == (Decimal(50_000), Decimal("3100.5"))
    order.qty = 20
    assert snapshot(order).account.margin.required is None


def test_an_old_answer_is_none(live):
    order = make_order(connection=live)
    answered(order, "3100.5", seconds_ago=31)
    assert snapshot(order).account.margin.required is None
    AccountState.objects.update(funds_read_at=NOW - timedelta(seconds=31))
    assert snapshot(order).account.margin.available is None
    assert account_facts(live, NOW).margin.available == Decimal(50_000)  # the page shows its age


def test_what_was_sent_since_the_funds_were_read_is_reserved(live):
    asked = limit(Status.SENDING, connection=live, qty=10)
    answered(asked, "2000")
    limit(Status.SENDING, connection=live, qty=5, tradingsymbol="TCS")
    limit(connection=live, side="SELL", reduce_only=True, tradingsymbol="SBIN")
    before = limit(connection=live, tradingsymbol="WIPRO")
    Order.objects.filter(pk=before.pk).update(sent_at=NOW - timedelta(minutes=1))
    margin = snapshot(connection=live, tradingsymbol="ITC").account.margin
    assert margin.reserved == Decimal(2000) + 5 * 1400  # no answer: its whole value


def test_what_has_filled_since_the_funds_were_read_is_reserved(live):
    filled = traded(live, "BUY", 10, "1500", at=NOW)
    answered(filled, "3000")
    assert snapshot(connection=live).account.margin.reserved == Decimal(3000)


def test_an_order_in_flight_without_a_price_makes_the_free_amount_unknown(live):
    working(Status.SENDING, connection=live, reference_price=None, tradingsymbol="TCS")
    assert snapshot(connection=live).account.margin.available is None


def test_papers_funds_are_worked_out_from_its_own_ledger():
    traded(paper(), "BUY", 10, "1500")
    traded(paper(), "SELL", 10, "1400")  # 1,000 lost
    traded(paper(), "BUY", 10, "1000")  # 20 % of 10,000
    limit(qty=10, price="900", tradingsymbol="TCS")  # 20 % of 9,000
    order = make_order(
        tradingsymbol="SBIN", product=Product.CNC, qty=3, order_type="LIMIT", price=Decimal(500)
    )
    margin = snapshot(order).account.margin
    assert margin.available == Decimal(1_000_000 - 1_000 - 2_000 - 1_800)
    assert (margin.required, margin.reserved) == (Decimal(1500), Decimal(0))


def test_an_exit_takes_none_of_papers_margin():
    traded(paper(), "BUY", 10, "1500")
    assert snapshot(side="SELL").account.margin.required == 0


# -- breakers, doubts, clocks ------------------------------------------------------------------


def test_open_breakers_of_the_account_and_of_the_strategy_count():
    mine, other = StrategyFactory(), StrategyFactory()
    Breaker.objects.create(
        code="CIRCUIT_BREAKER", connection=paper(), since=NOW, reason="three refusals"
    )
    for strategy in (mine, other):
        Breaker.objects.create(
            code="REPEATED_EXECUTION", strategy=strategy, since=NOW, reason=strategy.name
        )
    Breaker.objects.create(
        code="CIRCUIT_BREAKER",
        connection=BrokerConnectionFactory(),
        since=NOW,
        reason="elsewhere",
    )
    found = snapshot(strategy=mine).account.breakers
    assert {(one.code, one.reason) for one in found} == {
        (Code.CIRCUIT_BREAKER, "three refusals"),
        (Code.REPEATED_EXECUTION, mine.name),
    }
    Breaker.objects.update(closed_at=NOW)
    assert snapshot(strategy=mine).account.breakers == ()


def test_an_unknown_outcome_on_the_instrument_is_a_doubt(live):
    working(Status.UNKNOWN, connection=live)
    assert "unknown outcome" in snapshot(connection=live).account.doubt
    assert snapshot(connection=live, tradingsymbol="TCS").account.doubt == ""


def test_a_position_that_differs_is_a_doubt_about_its_instrument_alone(live):
    shown(live, 15)
    assert "the broker shows 15" in snapshot(connection=live).account.doubt
    assert snapshot(connection=live, tradingsymbol="TCS").account.doubt == ""


def test_a_difference_that_a_working_order_explains_is_no_doubt(live):
    limit(connection=live, qty=15)
    shown(live, 15)  # filled at the broker, as the next read of the book will tell
    assert snapshot(connection=live).account.doubt == ""


def test_positions_read_before_our_last_fill_are_not_compared(live):
    traded(live, "BUY", 10, "1500", at=NOW)
    assert snapshot(connection=live).account.doubt == ""


def test_delivered_shares_explain_a_delivery_position(live):
    AccountHolding.objects.create(
        connection=live,
        exchange="NSE",
        tradingsymbol="INFY",
        quantity=10,
        average_price=Decimal(1400),
        read_at=NOW,
    )
    order = traded(live, "BUY", 10, "1400", at=NOW - timedelta(days=3), product=Product.CNC)
    order.fills.update(booked_at=NOW - timedelta(days=3))
    facts = snapshot(connection=live, side="SELL", product=Product.CNC)
    assert (facts.holding_quantity, facts.account.doubt) == (10, "")


def test_a_book_that_was_not_read_lately_is_a_doubt(live):
    AccountState.objects.update(book_read_at=NOW - timedelta(minutes=10))
    assert "was last read at 10:50:00" in snapshot(connection=live).account.doubt
    assert "was last read" in account_facts(live, NOW).doubt


def test_paper_has_no_broker_to_doubt():
    traded(paper(), "BUY", 10, "1500")
    assert snapshot().account.doubt == ""


def test_the_clocks_skew_counts_while_it_is_news(live):
    AccountState.objects.update(clock_skew=Decimal("2.5"), clock_skew_at=NOW)
    assert snapshot(connection=live).account.clock_skew == Decimal("2.5")
    AccountState.objects.update(clock_skew_at=NOW - timedelta(hours=2))
    assert snapshot(connection=live).account.clock_skew is None


@pytest.mark.parametrize(("told", "has_prices"), [(None, True), (True, True), (False, False)])
def test_only_a_plan_that_is_known_to_have_no_prices_has_none(live, told, has_prices):
    AccountState.objects.update(has_market_data=told)
    assert snapshot(connection=live).account.has_prices is has_prices


# -- the strategy ------------------------------------------------------------------------------


def test_a_strategy_uses_what_its_lots_cost_and_its_entries_may_cost():
    strategy, other = StrategyFactory(), StrategyFactory()
    traded(paper(), "BUY", 10, "1500", strategy=strategy)
    traded(paper(), "BUY", 7, "1500", strategy=other)
    limit(qty=2, price="1400", strategy=strategy)
    limit(qty=9, side="SELL", price="1600", reduce_only=True, strategy=strategy)
    assert snapshot(strategy=strategy).strategy.capital == Decimal(15_000 + 2_800)


def test_a_strategys_entry_without_a_price_makes_its_capital_unknown():
    strategy = StrategyFactory()
    working(strategy=strategy, reference_price=None)
    assert snapshot(strategy=strategy).strategy.capital is None


def test_entries_are_the_orders_that_built_the_position_or_are_about_to():
    strategy = StrategyFactory()
    traded(paper(), "BUY", 10, "1500", strategy=strategy)
    traded(paper(), "BUY", 10, "1510", strategy=strategy)
    limit(strategy=strategy)
    limit(side="SELL", price="1600", reduce_only=True, strategy=strategy)
    traded(paper(), "BUY", 10, "100", strategy=strategy, tradingsymbol="SBIN")
    assert snapshot(strategy=strategy).strategy.entries == 3


def test_a_first_entry_that_is_on_its_way_is_one():
    strategy = StrategyFactory()
    working(Status.SENDING, strategy=strategy)
    assert snapshot(strategy=strategy).strategy.entries == 1


def test_the_last_exit_is_that_of_the_instrument_and_the_account():
    strategy = StrategyFactory()
    for minutes in (30, 20):
        at = NOW - timedelta(minutes=minutes)
        traded(paper(), "BUY", 1, "1500", strategy=strategy, at=at)
        traded(paper(), "SELL", 1, "1501", strategy=strategy, at=at)
    assert snapshot(strategy=strategy).strategy.last_exit_at == NOW - timedelta(minutes=20)
    other = snapshot(strategy=strategy, tradingsymbol="TCS")
    assert other.strategy.last_exit_at is None


def test_recent_orders_are_the_strategys_own_of_a_day_newest_first():
    strategy = StrategyFactory()
    old = traded(paper(), "BUY", 1, "1500", strategy=strategy, at=NOW - timedelta(hours=25))
    first = traded(paper(), "BUY", 1, "1500", strategy=strategy, at=NOW - timedelta(minutes=5))
    second = working(Status.SENDING, strategy=strategy, tradingsymbol="TCS", mode="AUTO")
    working(Status.SENDING, tradingsymbol="SBIN")
    found = snapshot(strategy=strategy).recent
    assert old.pk not in [one.order_id for one in found]
    assert [(one.order_id, one.automatic) for one in found] == [
        (second.pk, True),
        (first.pk, False),
    ]


def test_an_order_without_a_strategy_has_no_strategys_facts():
    working(Status.SENDING)
    facts = snapshot()
    assert (facts.recent, facts.strategy.entries) == ((), 0)


# -- decisions ---------------------------------------------------------------------------------


def test_many_orders_at_once_are_judged_as_each_by_itself(live):
    strategy = StrategyFactory(execution_target="LIVE", connection=live)
    RiskSettings.objects.create(
        scope="GLOBAL", max_quantity_per_order=12, max_open_positions=1, max_orders_per_day=3
    )
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, max_order_value=14_000)
    traded(paper(), "BUY", 10, "1500")
    orders = [
        make_order(qty=20),
        make_order(tradingsymbol="TCS"),
        make_order(side="SELL", reduce_only=True),
        make_order(connection=live, strategy=strategy),
    ]
    together = exposure.decide_all(orders)
    assert together == {order.pk: queue.preview(order) for order in orders}
    assert {one.outcome for one in together.values()} == {"CLAMP", "DENY", "PASS"}


def test_prices_that_nothing_but_alerts_told_are_looked_at_no_further_than_the_newest():
    PriceTick.objects.create(
        exchange="NSE", tradingsymbol="INFY", price=1500, at=NOW, source="broker"
    )
    for _ in range(20):
        record_price("NSE", "INFY", Decimal(9), NOW, "alert")
    assert snapshot(connection=BrokerConnectionFactory()).last_price is None
