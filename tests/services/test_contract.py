"""What the exchange would refuse of an order, with numbers that can be typed at once."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from trading.models import ContractRule, Instrument
from trading.services.contract import neighbours, problems

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("contract_rules"),
]

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _monday():
    clock.use(lambda: NOW)
    yield
    clock.use(None)


def listed(exchange, tradingsymbol, **fields):
    values = {
        "name": tradingsymbol,
        "instrument_type": "EQ",
        "segment": exchange,
        "search_key": tradingsymbol,
        "listed_on": NOW.date(),
    } | fields
    return Instrument.objects.create(exchange=exchange, tradingsymbol=tradingsymbol, **values)


@pytest.fixture
def infy():
    return listed("NSE", "INFY", tick_size=Decimal("0.1"))


@pytest.fixture
def nifty():
    """With the freeze quantity that comes with the program: 1800."""
    return listed(
        "NFO",
        "NIFTY26DECFUT",
        name="NIFTY",
        instrument_type="FUT",
        segment="NFO-FUT",
        expiry=date(2026, 12, 29),
        lot_size=65,
    )


def order(tradingsymbol="INFY", exchange="NSE", live=True, **fields):
    account = {"connection": BrokerConnectionFactory()} if live else {}
    return make_order(exchange=exchange, tradingsymbol=tradingsymbol, **account, **fields)


def future(**fields):
    return order("NIFTY26DECFUT", "NFO", product="NRML", **fields)


def test_an_order_as_the_exchange_wants_it_has_no_problem(infy, nifty):
    assert problems(order(order_type="LIMIT", price=Decimal("1500.10"))) == {}
    assert problems(future(qty=1755)) == {}


def test_whole_lots_only(nifty):
    assert problems(future(qty=100)) == {
        "qty": [
            "NIFTY26DECFUT trades in lots of 65, and 100 is no whole number of lots: use 65 or 130."
        ]
    }
    assert problems(future(qty=10))["qty"][0].endswith("use 65.")


def test_the_lot_size_counts_as_it_is_now_not_as_it_was_when_the_order_was_made(nifty):
    made = future(qty=130, lot_size=65)
    Instrument.objects.update(lot_size=75)
    assert problems(made)["qty"][0].endswith("use 75 or 150.")


@pytest.mark.parametrize(
    ("fields", "field", "value", "words"),
    [
        ({"order_type": "LIMIT"}, "price", "1500.05", "use 1,500.00 or 1,500.10."),
        ({"order_type": "SL", "trigger_price": Decimal(1500)}, "price", "1500.07", "1,500.10."),
        ({"order_type": "SL-M"}, "trigger_price", "1499.99", "use 1,499.90 or 1,500.00."),
        (
            {"order_type": "LIMIT", "gtt": True, "price": Decimal(9)},
            "trigger_price",
            "0.04",
            "0.10.",
        ),
    ],
)
def test_a_price_off_the_tick_gets_its_two_neighbours(infy, fields, field, value, words):
    found = problems(order(**fields, **{field: Decimal(value)}))
    assert list(found) == [field]
    assert found[field][0].startswith("Prices of INFY are multiples of 0.10: use ")
    assert found[field][0].endswith(words)


def test_a_price_that_is_not_sent_may_be_anything(infy):
    assert problems(order(order_type="MARKET", price=Decimal("1500.07"))) == {}
    assert (
        problems(order(order_type="SL-M", price=Decimal("1500.07"), trigger_price=Decimal(9))) == {}
    )


def test_more_than_the_exchange_takes_at_once(nifty):
    assert problems(future(qty=1950)) == {
        "qty": [
            "The exchange takes at most 1,755 units (27 lots) of NIFTY in one order; "
            "this one has 1,950. Split it."
        ]
    }
    ContractRule.objects.filter(name="NIFTY").update(freeze_quantity=None)
    assert problems(future(qty=1950)) == {}


def test_on_mcx_the_most_is_counted_in_lots():
    listed("MCX", "GOLD26DECFUT", name="GOLD", expiry=date(2026, 12, 4))
    ContractRule.objects.filter(name="GOLD").update(freeze_quantity=100)
    found = problems(order("GOLD26DECFUT", "MCX", qty=101))
    assert found["qty"][0].startswith("The exchange takes at most 100 lots of GOLD in one order")


@pytest.mark.parametrize(
    ("qty", "price", "words"),
    [
        (100_001, "1", "at most 1,00,000 shares in one order; this one has 1,00,001"),
        (
            66_667,
            "1500",
            "at most ₹10 crore in one order of shares; this one is worth ₹10,00,00,500",
        ),
    ],
)
def test_the_brokers_own_limits_for_shares(infy, qty, price, words):
    found = problems(order(qty=qty, order_type="LIMIT", price=Decimal(price)))
    assert words in found["qty"][0]
    assert problems(order(qty=100_000, order_type="LIMIT", price=Decimal(1000))) == {}


def test_a_market_order_is_valued_at_what_the_alert_saw(infy):
    assert problems(order(qty=66_667, reference_price=Decimal(1500)))["qty"]
    assert problems(order(qty=66_667, reference_price=None)) == {}


def test_a_live_order_of_what_is_not_listed_is_refused_and_a_paper_one_passes(infy):
    refused = problems(order("NOSUCH"))
    assert "NSE:NOSUCH is not in the instrument list" in refused["symbol"][0]
    assert problems(order("NOSUCH", live=False)) == {}


def test_without_a_list_no_live_order_passes():
    assert "No instrument list is loaded" in problems(order())["symbol"][0]
    assert problems(order(live=False)) == {}


def test_an_index_and_an_expired_contract_take_no_orders(nifty):
    listed("NSE", "NIFTY 50", segment="INDICES")
    assert "is an index" in problems(order("NIFTY 50"))["symbol"][0]
    Instrument.objects.filter(pk=nifty.pk).update(expiry=date(2026, 11, 20))
    assert "expired on 20 Nov 2026" in problems(future(qty=65))["symbol"][0]


def test_several_things_are_said_at_once(nifty):
    found = problems(future(qty=1951, order_type="LIMIT", price=Decimal("26000.01")))
    assert list(found) == ["qty", "price"]
    assert len(found["qty"]) == 2


@pytest.mark.parametrize(
    ("value", "tick", "around"),
    [
        ("1500.07", "0.05", ("1500.05", "1500.10")),
        ("1500.05", "0.05", ("1500.05", "1500.05")),
        ("84.2512", "0.0025", ("84.25", "84.2525")),
        ("0.01", "0.05", ("0", "0.05")),
        ("999999999.99", "0.05", ("999999999.95", "1000000000")),
    ],
)
def test_the_neighbours_of_a_price_are_exact(value, tick, around):
    assert neighbours(Decimal(value), Decimal(tick)) == tuple(map(Decimal, around))
