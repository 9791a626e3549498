"""The schedule of charges: what is shipped, and how it is edited."""

from datetime import date
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.urls import reverse

from trading.domain.charges import ChargeSegment
from trading.models import AnalyticsRebuild, ChargeRate
from trading.services.trade_charges import current_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("charge_rates")]

LIST = "admin:trading_chargerate_changelist"
CHANGE = "admin:trading_chargerate_change"
DELETE = "admin:trading_chargerate_delete"


def values_of(rate: ChargeRate, **other: str) -> dict[str, str]:
    """The form of that row as a browser sends it."""
    names = [field.name for field in ChargeRate._meta.fields if field.name != "id"]
    values = {name: getattr(rate, name) for name in names}
    return {name: "" if value is None else str(value) for name, value in values.items()} | other


@pytest.fixture
def rate() -> ChargeRate:
    return ChargeRate.objects.get(
        segment="EQUITY_INTRADAY", exchange="NSE", valid_from=date(2026, 4, 1)
    )


def test_every_segment_comes_with_rates_that_say_where_they_are_from() -> None:
    assert set(ChargeRate.objects.values_list("segment", flat=True)) == set(ChargeSegment)
    assert not ChargeRate.objects.filter(source="").exists()
    for row in ChargeRate.objects.all():
        row.full_clean()


@pytest.mark.parametrize(
    ("segment", "exchange", "until_2026", "today"),
    [
        ("EQUITY_INTRADAY", "NSE", "0.00307", "0.00307"),
        ("EQUITY_DELIVERY", "BSE", "0.00375", "0.00375"),
        ("FUTURES", "NFO", "0.00183", "0.00183"),
        ("FUTURES", "BFO", "0", "0"),
        ("OPTIONS", "NFO", "0.03553", "0.03553"),
        ("OPTIONS", "BFO", "0.0325", "0.0325"),
        ("CURRENCY_FUTURES", "CDS", "0.0004", "0.0004"),
        ("CURRENCY_OPTIONS", "CDS", "0.0331", "0.0331"),
        ("COMMODITY_FUTURES", "MCX", "0.0021", "0.0021"),
        ("COMMODITY_OPTIONS", "MCX", "0.0418", "0.0418"),
        ("COMMODITY_FUTURES", "NCO", "0.0001", "0.0001"),
        ("COMMODITY_OPTIONS", "NCO", "0.001", "0.001"),
    ],
)
def test_the_exchanges_charge_has_the_investor_protection_fund_in_it(
    segment, exchange, until_2026, today
) -> None:
    schedule = current_schedule()
    for day, percent in ((date(2026, 2, 27), until_2026), (date(2026, 11, 27), today)):
        found = schedule.find(ChargeSegment(segment), exchange, day)
        assert found is not None
        assert found.transaction == Decimal(percent)


def test_an_update_corrects_what_came_with_the_program_and_nothing_that_was_changed() -> None:
    ChargeRate.objects.all().delete()
    import_module("trading.migrations.0009_performance").seed(apps, None)
    first = ChargeRate.objects.filter(valid_from=date(2024, 10, 1))
    first.filter(segment="OPTIONS", exchange="NFO").update(brokerage_cap=15)
    first.filter(segment="FUTURES", exchange="NFO").update(transaction=Decimal("0.002"))
    later = list(ChargeRate.objects.exclude(valid_from=date(2024, 10, 1)).values_list())
    import_module("trading.migrations.0012_contract_notes").correct(apps, None)
    assert first.get(segment="OPTIONS", exchange="NFO").transaction == Decimal("0.03503")
    assert first.get(segment="FUTURES", exchange="NFO").transaction == Decimal("0.002")
    corrected = first.get(segment="EQUITY_DELIVERY", exchange="NSE")
    assert corrected.transaction == Decimal("0.00307")
    assert "IPFT" in corrected.source
    assert first.filter(source__contains="IPFT").count() == 5
    assert list(ChargeRate.objects.exclude(valid_from=date(2024, 10, 1)).values_list()) == later


def test_the_list_reads_like_the_brokers_own(admin_client) -> None:
    page = admin_client.get(reverse(LIST), {"exchange": "NFO"}).content.decode()
    assert "0 % and 0.15 %" in page  # options from April 2026
    assert "₹20.00 an order" in page
    assert "0.03 %, at most ₹20.00" in page


def test_other_rates_work_out_all_charges_again(admin_client, rate) -> None:
    url = reverse(CHANGE, args=[rate.pk])
    answer = admin_client.post(url, values_of(rate, brokerage_cap="10"), follow=True)
    assert "works out the charges of all trades again" in answer.content.decode()
    rate.refresh_from_db()
    assert rate.brokerage_cap == Decimal(10)
    assert AnalyticsRebuild.objects.get().asked_by == "admin"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("tax_sell", "25", "This is percent of the order&#x27;s value: at most 5."),
        ("brokerage_cap", "-1", "No rate is below 0."),
        ("valid_from", "2024-10-01", "There are rates from that day already: change that row."),
        ("sebi", "0.0000001", "decimal"),
    ],
)
def test_a_slip_is_named_and_stores_nothing(admin_client, rate, name, value, says) -> None:
    url = reverse(CHANGE, args=[rate.pk])
    page = admin_client.post(url, values_of(rate, **{name: value})).content.decode()
    assert says in page
    assert not AnalyticsRebuild.objects.exists()


def test_who_deletes_the_last_rates_of_a_segment_is_warned(admin_client) -> None:
    only = ChargeRate.objects.get(segment="COMMODITY_FUTURES", exchange="MCX")
    page = admin_client.get(reverse(DELETE, args=[only.pk])).content.decode()
    assert "COMMODITY_FUTURES at MCX is left without rates: its trades would cost nothing." in page
    admin_client.post(reverse(DELETE, args=[only.pk]), {"post": "yes"})
    assert not ChargeRate.objects.filter(pk=only.pk).exists()
    assert AnalyticsRebuild.objects.exists()


def test_a_reader_can_not_change_rates(client, django_user_model, rate) -> None:
    client.force_login(django_user_model.objects.create_user("reader", is_staff=True))
    assert client.get(reverse(LIST)).status_code == 403
    assert client.post(reverse(CHANGE, args=[rate.pk]), values_of(rate)).status_code == 403
