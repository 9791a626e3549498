"""What an order's limits must know of the broker is read before the claim, and nothing else is."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import AccountState, PriceBand, PriceSource, PriceTick
from brokers.prices import record_price
from brokers.simulator import faults
from risk.models import RiskSettings
from tests.factories import make_order
from tests.support.desk import OTHER, SYMBOL, Desk
from trading.domain.order import Status
from trading.domain.values import Mode, OrderType, Side
from trading.models import Order, OrderMargin
from trading.services import claim as claiming
from trading.services import market_data, preparation, quote_turns

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture(autouse=True)
def a_new_installation(desk):
    """Without limits of its own: those of a new installation hold."""
    RiskSettings.objects.all().delete()


@pytest.fixture(autouse=True)
def nothing_was_heard(monkeypatch):
    monkeypatch.setattr(market_data, "_heard", {})
    monkeypatch.setattr(market_data, "_refused_at_login", {})


def limits(**fields):
    """GLOBAL limits of nothing but these."""
    return RiskSettings.objects.create(scope="GLOBAL", **fields)


def auto(desk: Desk, seen: str | None = "1500", **fields) -> Order:
    """A queued order of an alert that saw INFY at `seen`."""
    return desk.order(
        auto=True,
        strategy=desk.strategy(),
        reference_price=Decimal(seen) if seen else None,
        **fields,
    )


def broker_ticks() -> list[Decimal]:
    rows = PriceTick.objects.filter(source=PriceSource.BROKER).order_by("id")
    return list(rows.values_list("price", flat=True))


# -- the price ---------------------------------------------------------------------------------


def test_an_auto_order_goes_by_a_price_that_was_read_for_it(desk: Desk):
    order = auto(desk)
    claim = desk.claim()
    assert claim is not None
    assert claim.order == order
    assert broker_ticks() == [Decimal(1500)]
    assert len(desk.asked("quote")) == 1


def test_what_may_go_since_a_moment_ago_is_not_judged_without_its_facts(desk: Desk, monkeypatch):
    """The account's book is read between the look at an order's facts and its claim."""
    order = auto(desk)
    read_at = AccountState.objects.get(connection=desk.connection).book_read_at
    states = AccountState.objects.filter(connection=desk.connection)
    states.update(book_read_at=None)
    look = claiming._facts_of

    def then_the_book_is_read(*args):
        facts = look(*args)
        states.update(book_read_at=read_at)
        return facts

    with monkeypatch.context() as patch:
        patch.setattr(claiming, "_facts_of", then_the_book_is_read)
        assert desk.claim() is None
    assert desk.status(order) == Status.QUEUED
    assert desk.asked("quote") == []
    assert desk.claim() is not None


def test_an_auto_order_whose_price_has_moved_since_the_alert_waits_for_a_person(desk: Desk):
    desk.price("1510")
    order = auto(desk)
    assert desk.claim() is None
    order = desk.fresh(order)
    assert (order.status, order.mode) == (Status.WAITING, Mode.MANUAL)
    assert "INFY has moved 0.67 % since the alert, from 1500 to 1510" in order.set_aside_reason


def test_a_price_that_is_fresh_is_not_read_again(desk: Desk):
    record_price("NSE", SYMBOL, Decimal(1500), desk.now - timedelta(seconds=4), "broker")
    auto(desk)
    assert desk.claim() is not None
    assert desk.asked("quote") == []


def test_an_older_price_is_read_again_and_written_down_although_it_is_the_same(desk: Desk):
    record_price("NSE", SYMBOL, Decimal(1500), desk.now - timedelta(seconds=8), "broker")
    auto(desk)
    assert desk.claim() is not None
    assert len(desk.asked("quote")) == 1
    assert PriceTick.objects.latest("id").at == desk.now


def test_a_price_that_was_heard_a_moment_ago_needs_no_request(desk: Desk):
    record_price("NSE", SYMBOL, Decimal(1500), desk.now - timedelta(seconds=20), "broker")
    market_data._heard[auto(desk).instrument] = (Decimal(1500), desk.now)
    assert desk.claim() is not None
    assert desk.asked("quote") == []
    assert PriceTick.objects.latest("id").at == desk.now


@pytest.mark.parametrize(
    "fields",
    [
        {"auto": False},
        {"auto": True, "side": Side.SELL, "reduce_only": True},
    ],
)
def test_what_no_limit_looks_at_is_not_read(desk: Desk, fields):
    desk.order(strategy=desk.strategy(), reference_price=Decimal(1500), **fields)
    desk.claim()
    assert desk.asked("quote") == []
    assert desk.asked("order_margins") == []


def test_nothing_is_read_for_paper(desk: Desk):
    limits(stale_reference=10, insufficient_margin=Decimal(10))
    make_order(Status.QUEUED)
    assert desk.claim() is not None
    assert desk.asked("quote") == desk.asked("order_margins") == []


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": timedelta(seconds=-1)},
        {"not_before": timedelta(minutes=5)},
    ],
)
def test_nothing_is_read_for_an_order_that_does_not_go_now(desk: Desk, change):
    auto(desk, **{name: desk.now + span for name, span in change.items()})
    assert desk.claim() is None
    assert desk.asked("quote") == []


def test_nothing_is_read_before_the_book_was(desk: Desk):
    auto(desk)
    assert desk.claim(started_at=desk.now + timedelta(seconds=1)) is None
    assert desk.asked("quote") == []


def test_a_plan_without_market_data_is_asked_once_and_judged_without_prices(desk: Desk):
    desk.faults.always("quote", faults.permission_ip())
    auto(desk)
    assert desk.claim() is not None
    assert desk.state().has_market_data is False
    auto(desk, tradingsymbol=OTHER, symbol=OTHER)
    assert desk.claim() is not None
    assert len(desk.asked("quote")) == 1


def test_without_an_answer_in_time_an_auto_order_goes_to_a_person(desk: Desk):
    desk.faults.always("quote", faults.slow(20))
    order = auto(desk)
    begun = time.monotonic()
    assert desk.claim() is None
    assert time.monotonic() - begun < 15
    assert "No last price of NSE:INFY is known" in desk.fresh(order).set_aside_reason


def test_while_it_is_nobodys_turn_the_claim_does_not_wait_for_ever(desk: Desk):
    assert quote_turns.take(desk.connection, desk.now)
    order = auto(desk)
    begun = time.monotonic()
    assert desk.claim() is None
    assert time.monotonic() - begun < 15
    assert desk.asked("quote") == []
    assert desk.status(order) == Status.WAITING


def test_everything_that_is_due_is_asked_for_in_one_request(desk: Desk):
    desk.price("3000", OTHER)
    auto(desk)
    auto(desk, seen="3000", tradingsymbol=OTHER, symbol=OTHER)
    assert desk.claim() is not None
    assert desk.claim() is not None
    assert len(desk.asked("quote")) == 1


@pytest.mark.parametrize(
    ("name", "value", "reads"),
    [
        ("stale_reference", 10, 1),
        ("max_order_value", Decimal(10**7), 1),
        ("max_gross_exposure", Decimal(10**7), 1),
        ("strategy_budget", Decimal(10**7), 1),
        ("price_collar", Decimal(3), 0),  # a MARKET order has no price to collar
        ("max_quantity_per_order", 100, 0),
        ("approval_threshold", Decimal(10**7), 0),  # of AUTO orders alone
    ],
)
def test_a_persons_market_order_has_its_price_read_for_what_needs_one(desk, name, value, reads):
    limits(**{name: value})
    desk.order(strategy=desk.strategy())
    assert desk.claim() is not None
    assert len(desk.asked("quote")) == reads


def test_a_limit_order_is_valued_at_its_own_price(desk: Desk):
    limits(max_order_value=Decimal(10**7))
    desk.limit()
    assert desk.claim() is not None
    assert desk.asked("quote") == []


# -- the circuit -------------------------------------------------------------------------------


def test_the_circuit_of_the_day_is_read_with_the_price(desk: Desk):
    limits(price_collar=Decimal(90))
    desk.limit("1490")
    assert desk.claim() is not None
    band = PriceBand.objects.get()
    assert band.lower < 1500 < band.upper
    assert band.read_at == desk.now


def test_a_price_outside_the_circuit_is_denied(desk: Desk):
    limits(price_collar=Decimal(90))
    order = desk.limit("900")
    assert desk.claim() is None
    order = desk.fresh(order)
    assert order.status == Status.REJECTED_RISK
    assert "below the day's lower circuit" in order.error_message


def test_a_circuit_that_is_widened_takes_the_place_of_the_old_one(desk: Desk):
    limits(price_collar=Decimal(3))
    PriceBand.objects.create(
        exchange="NSE",
        tradingsymbol=SYMBOL,
        lower=Decimal(1499),
        upper=Decimal(1501),
        read_at=desk.now - timedelta(hours=1),
    )
    desk.limit("1490")
    assert desk.claim() is not None
    assert PriceBand.objects.get().lower < 1490


@pytest.mark.parametrize(("age", "reads"), [(timedelta(minutes=10), 0), (timedelta(hours=1), 1)])
def test_a_circuit_is_read_again_within_the_day(desk: Desk, age, reads):
    limits(price_collar=Decimal(3))
    record_price("NSE", SYMBOL, Decimal(1500), desk.now, "broker")
    PriceBand.objects.create(
        exchange="NSE",
        tradingsymbol=SYMBOL,
        lower=Decimal(1350),
        upper=Decimal(1650),
        read_at=desk.now - age,
    )
    desk.limit("1490")
    assert desk.claim() is not None
    assert len(desk.asked("quote")) == reads


# -- money -------------------------------------------------------------------------------------


def test_an_order_for_which_there_is_margin_goes(desk: Desk):
    limits(insufficient_margin=Decimal(10))
    order = desk.order()
    claim = desk.claim()
    assert claim is not None
    margin = OrderMargin.objects.get(order=order)
    assert margin.required == order.qty * 1500 / 5
    assert margin.error == ""
    assert desk.state().available > margin.required
    assert desk.asked("quote") == []


def test_an_order_that_would_take_what_must_stay_free_is_denied(desk: Desk):
    limits(insufficient_margin=Decimal(10))
    available = desk.broker.margins().available
    order = desk.order(qty=int(available * Decimal("0.95") / 300))
    assert desk.claim() is None
    order = desk.fresh(order)
    assert order.status == Status.REJECTED_RISK
    assert "insufficient_margin=10 in GLOBAL" in order.error_message
    assert OrderMargin.objects.get(order=order).required < available


def test_margin_and_funds_that_are_fresh_are_not_asked_for_again(desk: Desk):
    limits(insufficient_margin=Decimal(10))
    order = desk.order()
    assert preparation.prepare(order)
    begun = len(desk.asked("margins"))
    desk.wait(15)
    assert preparation.prepare(desk.fresh(order))
    assert (len(desk.asked("order_margins")), len(desk.asked("margins"))) == (1, begun)
    desk.wait(10)
    assert preparation.prepare(desk.fresh(order))
    assert (len(desk.asked("order_margins")), len(desk.asked("margins"))) == (2, begun + 1)


def test_an_edited_order_is_asked_about_anew(desk: Desk):
    limits(insufficient_margin=Decimal(10))
    order = desk.order()
    preparation.prepare(order)
    order.qty *= 2
    order.save()
    preparation.prepare(order)
    assert len(desk.asked("order_margins")) == 2
    assert OrderMargin.objects.get().required == order.qty * 300


def test_without_the_brokers_word_the_order_is_denied_and_the_row_says_why(desk: Desk):
    limits(insufficient_margin=Decimal(10))
    desk.faults.always("order_margins", faults.refuse_status(503))
    order = desk.order()
    assert desk.claim() is None
    order = desk.fresh(order)
    assert order.status == Status.REJECTED_RISK
    assert "has not said what the order takes" in order.error_message
    margin = OrderMargin.objects.get(order=order)
    assert margin.required is None
    assert "503" in margin.error


def test_a_session_that_has_ended_sends_the_order_to_a_person(desk: Desk):
    limits(insufficient_margin=Decimal(10))
    desk.faults.always("order_margins", faults.token_exception())
    order = desk.order()
    assert desk.claim() is None
    assert desk.status(order) == Status.WAITING
    desk.connection.refresh_from_db()
    assert desk.connection.token_expires_at == desk.now


def test_an_exit_needs_no_margin(desk: Desk):
    limits(insufficient_margin=Decimal(10))
    desk.order(side=Side.SELL, reduce_only=True)
    desk.claim()
    assert desk.asked("order_margins") == []


# -- one at a time -----------------------------------------------------------------------------


def test_while_an_account_is_being_read_its_orders_wait_and_others_go(desk: Desk):
    first = auto(desk)
    plain = desk.order(tradingsymbol=OTHER, symbol=OTHER)
    paper = make_order(Status.QUEUED)
    assert preparation._turns.take(desk.connection.pk)
    try:
        claimed = {desk.claim().order.pk for _ in range(2)}
        assert claimed == {plain.pk, paper.pk}
        assert desk.claim() is None
        assert desk.status(first) == Status.QUEUED
    finally:
        preparation._turns.give_back(desk.connection.pk)
    claim = desk.claim()
    assert claim is not None
    assert claim.order == first


def test_a_broker_that_hangs_over_money_holds_the_claim_for_seconds_only(desk: Desk, monkeypatch):
    monkeypatch.setattr(preparation, "_MONEY_PATIENCE", 0.2)
    limits(insufficient_margin=Decimal(10))
    desk.faults.script("order_margins", faults.slow(1))
    order = desk.order(order_type=OrderType.MARKET)
    begun = time.monotonic()
    assert desk.claim() is None
    assert time.monotonic() - begun < 1
    assert OrderMargin.objects.get(order=order).error == "The broker did not answer in time."
    assert AccountState.objects.get(connection=desk.connection).funds_read_at is None
