"""Positions, holdings and funds on the page."""

import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.urls import reverse

from brokers.models import (
    AccountHolding,
    AccountPosition,
    AccountState,
    BrokerConnection,
    BrokerQuestion,
)
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from tests.support.positions_page import account_shown, ours, place, realise
from tests.support.queue_page import said, text_of
from tests.support.trades import traded
from tests.web.conftest import HOSTILE, HX
from trading.domain.order import Status
from trading.models import Position
from trading.web.books import books

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def live(desk: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> BrokerConnection:
    return account_shown(monkeypatch)


# -- what the page shows --------------------------------------------------------------------------


def test_a_position_has_its_side_profit_and_a_way_out(desk):
    ours(desk.paper, -40, pnl=Decimal("-1234667.50"))
    realise("100")
    page = text_of(desk.client.get(reverse("positions")))
    for text in ("SHORT", "−40", "1,500.00", "1,510.00", "−₹12,34,567.50", "+₹100.00"):
        assert text in page
    assert f"{reverse('position')}?connection={desk.paper.pk}&amp;exchange=NSE" in page


def test_our_profit_stands_beside_the_price_it_was_counted_with(desk, live):
    # The broker's own 1,512.00 is newer; 40 × (1,510 − 1,500) is the P&L shown.
    (book,) = (one for one in books(clock.now()) if one.connection == live)
    assert book.rows[0].last_price == Decimal(1510)
    page = text_of(desk.client.get(reverse("positions")))
    assert "1,510.00" in page
    assert "1,512.00" not in page


def test_a_position_of_the_broker_alone_has_the_brokers_price(desk, live):
    Position.objects.update(qty=0)
    assert "1,512.00" in text_of(desk.client.get(reverse("positions")))


def test_the_brokers_figures_stand_beside_ours_with_their_time(desk, live):
    page = text_of(desk.client.get(reverse("positions")))
    for text in (">65<", "1,498.25", "+₹12,34,567.50", "₹5,12,345.60", "positions as of"):
        assert text in page


def test_a_difference_is_said_in_words(desk, live):
    page = text_of(desk.client.get(reverse("positions")))
    assert "1 position differs" in page
    assert "Ours 40, the broker&#x27;s 65." in page or "Ours 40, the broker's 65." in page


def test_what_the_broker_alone_shows_can_be_exited_too(desk, live):
    Position.objects.all().delete()
    page = text_of(desk.client.get(reverse("positions")))
    assert ">65<" in page
    assert "Exit…" in page


def test_an_account_that_was_never_read_says_so(desk, live_account):
    page = text_of(desk.client.get(reverse("positions")))
    assert "have not been read yet" in page


def test_holdings_are_listed_with_what_they_are_worth(desk, live):
    page = text_of(desk.client.get(reverse("positions")))
    for text in ("NSE:TCS", "58,500.00", "+₹1,500.00"):
        assert text in page
    assert "symbol=TCS&amp;product=CNC" in page


def test_delivered_shares_that_were_sold_are_no_short_to_be_closed(desk, live):
    Position.objects.update(qty=-5, product="CNC", symbol="TCS")
    AccountPosition.objects.update(quantity=-5, product="CNC", tradingsymbol="TCS")
    AccountHolding.objects.update(used_quantity=5)
    page = text_of(desk.client.get(reverse("positions")))
    assert "SOLD" in page
    assert "SHORT" not in page
    assert page.count("Exit…") == 1  # that of the holding
    assert "Protect…" not in page
    place = {"connection": live.pk, "exchange": "NSE", "symbol": "TCS", "product": "CNC"}
    assert "this exit goes by the broker" not in text_of(
        desk.client.get(reverse("position"), place)
    )


def test_what_was_realised_on_another_day_is_not_todays(desk):
    ours(desk.paper, 40, pnl=Decimal(5400), realised=Decimal(5000))
    realise("5000", closed_at=clock.now() - timedelta(days=1))
    page = text_of(desk.client.get(reverse("positions")))
    assert "+₹400.00" in page
    assert "5,400.00" not in page
    assert "5,000.00" not in page


def test_what_was_closed_today_is_folded_away(desk):
    ours(desk.paper, 0, realised=Decimal("900"), pnl=Decimal("900"))
    realise("250.50")
    ours(desk.paper, 0, symbol="WIPRO", last_updated=clock.now() - timedelta(days=2))
    page = text_of(desk.client.get(reverse("positions")))
    assert "Closed today (1)" in page
    assert "+₹250.50" in page
    assert "900.00" not in page
    assert "WIPRO" not in page


def test_an_exit_on_its_way_is_shown_under_its_position(desk):
    ours(desk.paper)
    order = make_order(Status.QUEUED, side="SELL", qty=15, reduce_only=True)
    page = text_of(desk.client.get(reverse("positions")))
    link = f'<a href="{reverse("order", args=[order.pk])}" id="closing-{order.pk}">'
    assert f"{link}Order {order.pk}</a>" in page
    assert "exits 15" in page


def test_a_poll_brings_the_figures_and_not_the_whole_page(desk, live):
    answer = text_of(desk.client.get(reverse("positions"), headers=HX))
    assert answer.lstrip().startswith('<div id="positions-live"')
    assert "<html" not in answer


def test_hostile_names_stay_text(desk):
    ours(desk.paper, symbol=HOSTILE)
    page = text_of(desk.client.get(reverse("positions")))
    assert "<script>alert" not in page
    one = desk.client.get(reverse("position"), place(desk.paper, symbol=HOSTILE))
    assert one.status_code == 200
    assert "<script>alert" not in text_of(one)


def test_read_again_asks_the_worker(desk, live):
    answer = desk.client.post(reverse("positions_read", args=[live.pk]))
    assert answer.url == reverse("positions")
    question = BrokerQuestion.objects.get()
    assert (question.kind, question.connection, question.asked_by) == (
        "SYNC_POSITIONS",
        live,
        "asha",
    )
    assert "reads family again" in said(answer)


# -- the whole page -------------------------------------------------------------------------------


def test_positions_in_which_nothing_changed_are_not_sent_again(desk):
    page = desk.client.get(reverse("positions")).content.decode()
    token = re.search(r'id="positions-live"[^>]* data-v="([^"]+)"', page).group(1)
    assert desk.client.get(reverse("positions"), {"v": token}, headers=HX).status_code == 204
    traded(desk.paper, "BUY", 10, "1500")
    renewed = desk.client.get(reverse("positions"), {"v": token}, headers=HX)
    assert renewed.status_code == 200
    assert "NSE:INFY" in renewed.content.decode()


def test_positions_are_sent_again_when_the_broker_was_read(desk):
    account = BrokerConnectionFactory()
    state = AccountState.objects.create(connection=account, holdings_read_at=clock.now())
    page = desk.client.get(reverse("positions")).content.decode()
    token = re.search(r'id="positions-live"[^>]* data-v="([^"]+)"', page).group(1)
    state.holdings_read_at = clock.now()
    state.save()
    assert desk.client.get(reverse("positions"), {"v": token}, headers=HX).status_code == 200


def test_real_money_and_play_money_have_totals_of_their_own(desk):
    traded(desk.paper, "BUY", 10, "1500")
    traded(desk.paper, "SELL", 4, "1510")
    for name in ("one", "two"):
        traded(BrokerConnectionFactory(name=name), "BUY", 1, "1500")
    totals = desk.client.get(reverse("positions")).context["totals"]
    assert [total.kind for total in totals] == ["LIVE", "PAPER"]
    live, paper = totals
    assert (live.accounts, live.positions, live.realised) == (2, 2, 0)
    assert (paper.accounts, paper.positions, paper.realised) == (1, 1, 40)
