"""What risk is handed of an order, its instrument and its market."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from brokers.models import PriceBand
from risk.models import ProductSchedule
from sigmatrader import clock
from tests.factories import make_order
from tests.support.snapshots import NOW, listed, nifty_future, snapshot
from trading.domain.values import Product
from trading.models import Alert, ContractRule
from trading.services import exposure

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


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
