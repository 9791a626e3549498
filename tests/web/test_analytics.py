"""The page of the analytics: figures net of charges, kinds of account apart, filters, CSV."""

import csv
import re
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
import time_machine
from django.urls import reverse

from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.totals import work_all
from tests.support.trades import traded
from tests.web.conftest import HOSTILE, HX
from trading import analytics
from trading.models import AnalyticsRebuild, ChargesRead, ClosedTrade, DayTotal

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("charge_rates"),
]

FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=clock.IST)


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(FRIDAY + timedelta(hours=6), tick=False):
        yield


def round_trip(account, entry="1000", exit_="1010", *, days_ago=0, qty=100, **fields):
    """Bought and sold half an hour later, and added up."""
    at = FRIDAY - timedelta(days=days_ago)
    traded(account, "BUY", qty, entry, at=at, **fields)
    traded(account, "SELL", qty, exit_, at=at + timedelta(minutes=30), **fields)
    work_all()


def look(desk, **query) -> SimpleNamespace:
    """The page: `text` of its main part, `context`, its whole `size` in bytes."""
    response = desk.client.get(reverse("analytics"), query)
    assert response.status_code == 200
    page = response.content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    return SimpleNamespace(text=main, context=response.context, size=len(response.content))


def test_the_net_is_told_with_what_it_is_made_of(desk):
    # Bought at 1,00,000 for 30.34 each time, sold at 1,01,000 for 52.63 and at 99,500 for 52.20:
    # 20 + STT 24.88 + exchange 3.05 + SEBI 0.10 + GST 4.17.
    round_trip(desk.paper)
    round_trip(desk.paper, "1000", "995", days_ago=1)
    page = look(desk)
    for text in ("+₹500.00", "₹165.51", "+₹334.49", "50.0 %", "1 won", "1 lost", "+₹917.03"):
        assert text in page.text


def test_every_picture_has_a_name_and_a_table(desk):
    round_trip(desk.paper)
    page = look(desk)
    figures = [*page.context["wide"], *page.context["narrow"]]
    assert {figure.key for figure in figures} >= {
        "equity",
        "days",
        "weekdays",
        "hours",
        "symbols",
        "strategies",
        "exposure",
        "slippage",
    }
    drawn = sum(bool(figure.picture) for figure in figures)
    assert page.text.count('role="img" aria-label="') == drawn
    assert page.text.count("<desc>") == drawn
    assert page.text.count("<summary>As a table</summary>") == drawn
    assert "style=" not in page.text


def test_play_money_and_real_money_are_never_added_up(desk):
    live = BrokerConnectionFactory()
    round_trip(desk.paper, "1000", "1050")
    assert "PAPER" in look(desk).text  # what has trades is shown, although there is a live account
    round_trip(live, "1000", "1010")
    assert look(desk).context["summary"].gross == Decimal(1000)
    assert look(desk, money="paper").context["summary"].gross == Decimal(5000)
    assert look(desk, money="live").context["summary"].gross == Decimal(1000)
    assert look(desk, money="nonsense").context["summary"].gross == Decimal(1000)


def test_another_kind_of_account_is_looked_at_over_the_same_days(desk):
    round_trip(desk.paper)
    BrokerConnectionFactory()
    relative = look(desk, period="week", symbol="INFY").context["form"].kind_choices()
    assert [(one.label, one.query, one.current) for one in relative] == [
        ("LIVE", "money=live&symbol=INFY&period=week", False),
        ("PAPER", "money=paper&symbol=INFY&period=week", True),
    ]
    dated = look(desk, from_day="2026-11-02").context["form"].kind_choices()
    assert dated[0].query == "money=live&from_day=2026-11-02"


def test_a_kind_of_account_that_nobody_has_is_not_offered(desk):
    round_trip(desk.paper)
    assert "Kind of account" not in look(desk).text
    BrokerConnectionFactory(kind="SIMULATOR")
    page = look(desk)
    assert re.findall(r'money-\w+">(\w+)</span></a>', page.text) == ["SIMULATOR", "PAPER"]
    assert ">LIVE<" not in page.text


def test_filters_are_in_the_address(desk):
    one, other = StrategyFactory(name="Supertrend"), StrategyFactory(name="Breakout")
    round_trip(desk.paper, "1000", "1010", strategy=one, days_ago=1)
    round_trip(desk.paper, "1000", "1020", strategy=other, tradingsymbol="TCS", symbol="NSE:TCS")

    def gross(**query):
        return look(desk, **query).context["summary"].gross

    assert gross() == 3000
    assert gross(strategy=one.pk) == 1000
    assert gross(symbol="tcs") == 2000
    assert gross(symbol="NSE:INFY") == 1000
    assert gross(from_day="2026-11-27") == 2000
    assert gross(to_day="2026-11-26") == 1000
    assert gross(period="today") == 2000
    assert gross(period="week") == 3000
    assert gross(period="all") == 3000


def test_the_quick_choice_that_is_looked_at_is_marked_and_keeps_the_other_filters(desk):
    strategy = StrategyFactory(name="Supertrend")
    round_trip(desk.paper, strategy=strategy)
    page = look(desk, period="month", strategy=strategy.pk)
    current = [one.label for one in page.context["form"].period_choices() if one.current]
    assert current == ["This month"]
    assert f'href="?strategy={strategy.pk}&amp;money=paper&amp;period=week"' in page.text
    assert 'name="from_day" value="2026-11-01"' in page.text
    dated = look(desk, from_day="2026-11-01", to_day="2026-11-27")
    assert [one.label for one in dated.context["form"].period_choices() if one.current] == current


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"from_day": "yesterday"}, "Write the day as 2026-11-23."),
        ({"from_day": "2026-11-20", "to_day": "2026-11-10"}, "The last day is before the first."),
        ({"strategy": "999"}, "Select a valid choice"),
    ],
)
def test_a_filter_that_makes_no_sense_says_so(desk, query, error):
    round_trip(desk.paper)
    assert error in look(desk, **query).text


def test_nothing_closed_yet_says_what_comes(desk):
    page = look(desk)
    assert "No trade is closed yet." in page.text
    assert '<svg class="plot' not in page.text
    assert reverse("positions") in page.text
    assert "Make the totals anew" not in page.text


def test_nothing_that_meets_the_filters_offers_to_clear_them(desk):
    round_trip(desk.paper)
    page = look(desk, symbol="NOSUCH")
    assert "No closed trade meets these filters." in page.text
    assert 'href="?money=paper">Clear' in page.text


def test_trades_that_are_not_added_up_yet_are_announced(desk):
    traded(desk.paper, "BUY", 100, "1000", at=FRIDAY)
    traded(desk.paper, "SELL", 100, "1010", at=FRIDAY + timedelta(minutes=30))
    page = look(desk)
    assert "The newest trades may be missing in the figures" in page.text
    assert 'data-label="Net" class="num strong card-net even">–<' in page.text
    work_all()
    assert "may be missing" not in look(desk).text


def test_each_trade_shows_its_charges_and_its_net(desk):
    round_trip(desk.paper)
    page = look(desk)
    for text in ("+₹1,000.00", "₹82.97", 'class="num strong card-net gain">+₹917.03'):
        assert text in page.text[page.text.index('id="trades"') :]


def test_many_trades_are_turned_page_by_page_with_the_filters(desk):
    for number in range(23):
        round_trip(desk.paper, "1000", str(1001 + number))
    first = look(desk, symbol="INFY")
    assert len(first.context["page"].rows) == 20
    assert "symbol=INFY" in re.search(r'href="(\?[^"]*older=\d+[^"]*)"', first.text).group(1)
    second = look(desk, symbol="INFY", older=first.context["page"].older)
    assert [trade.pnl for trade in second.context["page"].rows] == [300, 200, 100]
    assert second.context["summary"].trades == 23


def csv_of(desk, **query) -> list[dict[str, str]]:
    response = desk.client.get(reverse("analytics_csv"), query)
    assert response["Content-Type"].startswith("text/csv")
    assert "trades-2026-11-27.csv" in response["Content-Disposition"]
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(text.splitlines()))


def test_the_csv_has_every_trade_that_is_filtered_and_runs_nothing(desk):
    hostile = StrategyFactory(name="=1+1")
    round_trip(desk.paper, strategy=hostile)
    round_trip(desk.paper, "1000", "990", days_ago=3)
    lines = csv_of(desk)
    assert [line["gross"] for line in lines] == ["1000", "-1000"]
    first = lines[0]
    assert first["strategy"] == "'=1+1"
    assert (first["kind"], first["symbol"], first["quantity"]) == ("PAPER", "INFY", "100")
    assert (first["charges"], first["net"]) == ("82.97", "917.03")
    assert first["closed_ist"] == "2026-11-27 10:30:00"
    assert first["closed_utc"] == "2026-11-27T05:00:00.000Z"
    assert [line["gross"] for line in csv_of(desk, period="today")] == ["1000"]
    assert csv_of(desk, money="live") == []


def test_the_csv_of_the_page_has_the_filters_of_the_page(desk):
    round_trip(desk.paper)
    page = look(desk, period="today", symbol="INFY")
    assert f'href="{reverse("analytics_csv")}?period=today&amp;symbol=INFY"' in page.text


def test_the_page_says_how_much_of_the_charges_the_broker_told_and_why_not_all(desk):
    round_trip(desk.paper)
    DayTotal.objects.update(told=1, told_charges=Decimal("30.30"))
    ChargesRead.objects.create(
        connection=desk.paper,
        day=FRIDAY.date(),
        orders=2,
        told=1,
        error="The instrument <NSE:OLD> does not exist.",
        finished_at=FRIDAY,
    )
    text = look(desk).text
    assert "₹30.30 are the broker’s own figure" in text
    assert "₹52.67 are estimated" in text
    assert "the broker told the charges of 1 of 2 orders; the others stay estimated" in text
    assert "The instrument &lt;NSE:OLD&gt; does not exist." in text
    assert "What the charges leave out" in text
    assert "exercised or assigned at expiry" in text


def test_the_totals_can_be_made_anew_without_a_script(desk):
    round_trip(desk.paper)
    page = look(desk)
    assert "All ₹82.97 of the charges are estimated" in page.text
    here = f"{reverse('analytics')}?money=paper"
    answer = desk.client.post(reverse("analytics_rebuild"), {"next": here}, follow=True)
    assert answer.redirect_chain == [(here, 302)]
    text = answer.content.decode()
    assert "The worker makes the totals anew." in text
    assert "The worker begins in a moment." in text
    assert "<progress" in text
    assert AnalyticsRebuild.objects.get().asked_by == "asha"
    ClosedTrade.objects.update(entry_charges=None)
    work_all()
    assert "being made anew" not in look(desk).text
    assert "82.97" in look(desk).text


def test_the_progress_renews_itself_and_loads_the_page_at_the_end(desk):
    round_trip(desk.paper)
    analytics.request_rebuild("asha")
    AnalyticsRebuild.objects.update(started_at=FRIDAY, total=40)
    there = desk.client.get(reverse("analytics_rebuild"), headers=HX)
    part = there.content.decode()
    assert "<html" not in part
    assert "of 40 days of trading done" in part
    assert 'hx-trigger="every 2s"' in part
    assert 'max="40"' in part
    AnalyticsRebuild.objects.update(finished_at=FRIDAY)
    ended = desk.client.get(reverse("analytics_rebuild"), headers=HX)
    assert (ended.status_code, ended["HX-Refresh"]) == (204, "true")


def test_what_came_from_outside_is_escaped_in_pictures_too(desk):
    strategy = StrategyFactory(name=HOSTILE)
    round_trip(desk.paper, strategy=strategy, symbol=HOSTILE, tradingsymbol=HOSTILE)
    page = look(desk)
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


def test_a_year_of_trading_is_less_than_100_kb(desk):
    names = ("Supertrend", "Opening range breakout", "Mean reversion")
    strategies = [StrategyFactory(name=name) for name in names]
    for day in range(1, 366):
        at = FRIDAY - timedelta(days=day)
        if at.weekday() < 5:
            name = f"SYMBOL{day % 40}"
            fields = {"strategy": strategies[day % 3], "tradingsymbol": name}
            traded(desk.paper, "BUY", 100, "1000", at=at, **fields)
            later = at + timedelta(hours=day % 5)
            traded(desk.paper, "SELL", 100, str(960 + day * 37 % 80), at=later, **fields)
    work_all()
    page = look(desk)
    assert page.context["summary"].trades > 250
    assert "Net P&amp;L by week" in page.text
    assert page.size < 100_000
