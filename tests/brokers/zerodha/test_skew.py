"""The difference between the clocks, from nothing but whole seconds in a header."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.errors import OutcomeUnknown
from brokers.simulator import faults
from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.server import KiteSimulator
from brokers.zerodha.adapter import ZerodhaBroker
from brokers.zerodha.skew import ClockSkew
from sigmatrader import clock
from tests.brokers.zerodha.stub import success
from tests.support import kite
from trading.domain.values import InstrumentKey

NOON = datetime(2026, 12, 2, 6, 30, tzinfo=UTC)
INFY = InstrumentKey("NSE", "INFY")


def answered(
    skew: ClockSkew, ahead: float, phases: list[float], *, way: float = 0.05, back: float = 0.05
) -> None:
    """Answers at `phases` seconds past noon of a broker; our clock is `ahead` of its clock."""
    for phase in phases:
        stamped = NOON + timedelta(seconds=phase)
        received = stamped + timedelta(seconds=ahead + back)
        skew.note(format_datetime(stamped, usegmt=True), received, way + back)


def sweep(count: int) -> list[float]:
    """So many answers over a minute, at as many moments of a second."""
    return [3 * number + number / count for number in range(count)]


def test_without_an_answer_nothing_is_known():
    assert ClockSkew().seconds() is None


@pytest.mark.parametrize("header", [None, "", "yesterday", "Wed, 99 Dec 2026 06:30:00 GMT"])
def test_a_header_that_is_no_date_says_nothing(header):
    skew = ClockSkew()
    skew.note(header, NOON, 0.1)
    assert skew.seconds() is None


@given(
    ahead=st.floats(-100, 100),
    phases=st.lists(st.floats(0, 60), min_size=1, max_size=30),
    way=st.floats(0, 3),
    back=st.floats(0, 3),
)
def test_it_never_claims_more_than_the_true_difference(ahead, phases, way, back):
    skew = ClockSkew()
    answered(skew, ahead, phases, way=way, back=back)
    found = skew.seconds()
    assert found is not None
    assert abs(found) <= abs(Decimal(ahead)) + Decimal("0.002")
    assert not found or (found > 0) == (ahead > 0)


@pytest.mark.parametrize("ahead", [-2.3, -0.6, 0.0, 0.3, 0.6, 2.3])
def test_a_minute_of_answers_tells_half_a_second(ahead):
    skew = ClockSkew()
    answered(skew, ahead, sweep(20))
    assert skew.seconds() == pytest.approx(Decimal(ahead), abs=Decimal("0.16"))
    assert (abs(skew.seconds()) >= Decimal("0.45")) == (abs(ahead) >= 0.5)


def test_a_single_odd_date_is_not_believed():
    skew = ClockSkew()
    answered(skew, 0.0, sweep(5))
    answered(skew, 40.0, [20.0])
    assert skew.seconds() == 0
    answered(skew, 0.0, [21.5])
    assert skew.seconds() == 0


def test_a_clock_that_was_set_shows_with_the_second_answer():
    skew = ClockSkew()
    answered(skew, 0.0, sweep(5))
    answered(skew, -40.0, [20.0, 20.4])
    assert skew.seconds() < Decimal(-38)


# -- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture
def simulator() -> Iterator[KiteSimulator]:
    exchange = Exchange(SimClock(), user_id="SIM001", prices_move=False, always_open=True)
    with kite.simulator(exchange=exchange, rate_limits=False) as running:
        running.set_price(INFY.exchange, INFY.tradingsymbol, Decimal(1500))
        yield running


def of(simulator: KiteSimulator) -> ZerodhaBroker:
    return ZerodhaBroker(kite.API_KEY, simulator.login(), simulator.root, 2.0)


def test_nothing_is_known_before_the_first_answer(simulator):
    assert of(simulator).clock_skew() is None


def test_a_broker_whose_date_is_behind_makes_our_clock_seem_ahead(simulator):
    simulator.clock.date_ahead = -5
    broker = of(simulator)
    broker.margins()
    assert Decimal(4) - Decimal("0.1") <= broker.clock_skew() <= 5


def test_a_broker_whose_date_is_ahead_makes_our_clock_seem_behind(simulator):
    simulator.clock.date_ahead = 5
    broker = of(simulator)
    broker.margins()
    assert -5 <= broker.clock_skew() <= Decimal(-4) + Decimal("0.1")


def test_an_error_has_a_date_too(simulator):
    simulator.clock.date_ahead = 5
    simulator.faults.script("margins", faults.refuse_status(503))
    broker = of(simulator)
    with pytest.raises(OutcomeUnknown, match="503"):
        broker.margins()
    assert broker.clock_skew() < -3


def test_every_adapter_of_the_app_learns_from_every_answer(simulator):
    simulator.clock.date_ahead = -5
    of(simulator).margins()
    assert of(simulator).clock_skew() > 3


def test_both_clocks_moved_together_are_no_difference(simulator):
    clock.move(86_400 * 30)
    try:
        simulator.clock.set(clock.now())
        broker = of(simulator)
        broker.margins()
        assert abs(broker.clock_skew()) < Decimal("0.5")
    finally:
        clock.move(0)


def test_a_quote_has_the_circuit_of_the_day(simulator):
    quote = of(simulator).quotes([INFY])[INFY]
    assert quote.price == 1500
    assert 0 < quote.lower < 1500 < quote.upper


@pytest.mark.parametrize("circuit", [{}, {"lower_circuit_limit": 0, "upper_circuit_limit": 0}])
def test_a_quote_without_a_circuit_has_its_price_all_the_same(broker, stub, circuit):
    stub.say("GET", "/quote", success({"NSE:INFY": {"last_price": 1500.5, **circuit}}))
    quote = broker.quotes([INFY])[INFY]
    assert (quote.price, quote.lower, quote.upper) == (Decimal("1500.5"), None, None)
