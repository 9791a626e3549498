"""Contracts that have expired: on the positions page, on the dashboard, and a person's price."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from brokers.models import AccountState, PriceSource
from brokers.prices import record_price
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory
from tests.support.positions import listed, theirs
from tests.support.totals import work_all
from tests.support.trades import traded
from trading.models import ClosedTrade, Position, Settlement
from trading.services import expiry
from trading.web.books import book_of

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

D = Decimal
EXPIRY = date(2026, 12, 29)
EVENING = datetime(2026, 12, 29, 18, 0, tzinfo=clock.IST)
SYMBOL = "NIFTY26DEC26000CE"
CONTRACT = {"exchange": "NFO", "symbol": SYMBOL}
PLACE = {"exchange": "NFO", "tradingsymbol": SYMBOL, "product": "NRML"}


@pytest.fixture(autouse=True)
def evening(desk: SimpleNamespace) -> Iterator[None]:
    """Logged in before: sessions end by this clock too."""
    clock.use(lambda: EVENING)
    yield
    clock.use(None)


def hold(desk: SimpleNamespace, *, in_list: bool = True, **fields: Any) -> None:
    if in_list:
        listed(
            exchange="NFO",
            tradingsymbol=SYMBOL,
            search_key=SYMBOL,
            instrument_type="CE",
            name="NIFTY",
            strike=D(26_000),
            expiry=EXPIRY,
        )
    values = {"connection": desk.paper, "at": EVENING - timedelta(hours=6)} | PLACE | fields
    traded(values.pop("connection"), "BUY", 75, "120", **values)


def nifty(price: str) -> None:
    at = EVENING - timedelta(hours=2)
    record_price("NSE", "NIFTY 50", D(price), at, PriceSource.BROKER)


def get(desk: SimpleNamespace, name: str, **query: Any) -> Any:
    return desk.client.get(reverse(name), query)


def state(desk: SimpleNamespace, **fields: Any) -> Any:
    return desk.client.post(reverse("expired"), CONTRACT | fields)


def test_the_positions_page_shows_what_expired_today_and_at_what(desk: SimpleNamespace) -> None:
    hold(desk)
    nifty("26100")
    expiry.settle_due(EVENING)
    text = get(desk, "positions").content.decode()
    assert "Expired" in text
    assert "100.00" in text
    [row] = book_of(desk.paper, EVENING - timedelta(hours=18)).expired
    assert row.pnl == D(-1500)
    clock.use(lambda: EVENING + timedelta(days=1))
    assert SYMBOL not in get(desk, "positions").content.decode()


def test_a_price_that_is_not_known_is_asked_for(desk: SimpleNamespace) -> None:
    hold(desk)
    expiry.settle_due(EVENING)
    clock.use(lambda: EVENING + timedelta(days=3))
    dashboard = get(desk, "dashboard").content.decode()
    assert f"NFO:{SYMBOL} expired on 29 Dec 2026" in dashboard
    assert "State the price" in get(desk, "positions").content.decode()
    page = get(desk, "expired", **CONTRACT).content.decode()
    assert "not known" in page
    assert "No price of NSE:NIFTY 50 was told after the close" in page


def test_a_stated_price_settles_the_contract_and_ends_the_asking(desk: SimpleNamespace) -> None:
    hold(desk)
    expiry.settle_due(EVENING)
    answer = state(desk, price="1,095.50")
    assert answer.status_code == 302
    assert ClosedTrade.objects.get().pnl == D("73162.50")
    page = desk.client.get(answer.url).content.decode()
    assert "Stated by asha." in page
    assert "until then not known" in page
    assert "EXPIRY" not in get(desk, "dashboard").content.decode()


@pytest.mark.parametrize("price", ["", "-1", "much", "1.00001", "99999999999"])
def test_what_is_no_price_is_named_and_changes_nothing(desk: SimpleNamespace, price: str) -> None:
    hold(desk)
    expiry.settle_due(EVENING)
    answer = state(desk, price=price)
    assert answer.status_code == 422
    assert answer.context["form"].errors["price"]
    assert Settlement.objects.get().price is None


def test_an_option_may_have_ended_worthless(desk: SimpleNamespace) -> None:
    hold(desk)
    expiry.settle_due(EVENING)
    assert state(desk, price="0").status_code == 302
    assert ClosedTrade.objects.get().pnl == D(-9000)


def test_a_contract_of_no_list_needs_its_last_day_too(desk: SimpleNamespace) -> None:
    hold(desk, in_list=False)
    assert f"NFO:{SYMBOL} is open" in get(desk, "dashboard").content.decode()
    page = get(desk, "expired", **CONTRACT)
    assert "still open" in page.content.decode()
    assert state(desk, price="5").context["form"].errors["expired_on"]
    late = state(desk, price="5", expired_on="2027-01-01")
    assert "A day that has been" in late.context["form"].errors["expired_on"][0]
    assert Position.objects.get().qty == 75
    assert state(desk, price="5", expired_on="2026-12-29").status_code == 302
    assert Position.objects.get().qty == 0


@pytest.mark.parametrize("query", [{}, CONTRACT, {"exchange": "NFO", "symbol": "<script>"}])
def test_there_is_no_page_of_what_never_expired(
    desk: SimpleNamespace, query: dict[str, str]
) -> None:
    assert get(desk, "expired", **query).status_code == 404
    assert desk.client.post(reverse("expired"), query | {"price": "1"}).status_code == 404


def test_what_the_broker_still_shows_is_no_open_position(desk: SimpleNamespace) -> None:
    live = BrokerConnectionFactory()
    hold(desk, connection=live)
    theirs(live, 75, read_at=EVENING, last_price=D("99.85"), **PLACE)
    AccountState.objects.create(
        connection=live, positions_read_at=EVENING, holdings_read_at=EVENING
    )
    nifty("26100")
    expiry.settle_due(EVENING)
    book = book_of(live, EVENING - timedelta(hours=18))
    assert (book.rows, book.closed, book.differences) == ([], [], 0)
    assert [row.settlement.qty for row in book.expired] == [75]
    page = get(desk, "expired", **CONTRACT).content.decode()
    assert "The broker last showed the contract at 99.85." in page


def test_analytics_says_that_the_trade_expired(desk: SimpleNamespace, charge_rates: None) -> None:
    hold(desk)
    nifty("26100")
    expiry.settle_due(EVENING)
    work_all()
    assert "→ expired" in get(desk, "analytics", kind="PAPER").content.decode()
    rows = get(desk, "analytics_csv", kind="PAPER").getvalue().decode().splitlines()
    assert rows[0].endswith("exit_order,exit_reason")
    assert rows[1].endswith(",EXPIRY")
