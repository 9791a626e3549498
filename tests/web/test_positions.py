"""Positions, holdings and funds on the page; closing and protecting from it."""

import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from brokers.models import (
    AccountHolding,
    AccountPosition,
    AccountState,
    BrokerConnection,
    BrokerQuestion,
)
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from tests.support.positions import able_account
from tests.support.trades import traded
from tests.web.conftest import HOSTILE, HX, make_trade
from trading.domain.order import Status
from trading.models import Order, Position
from trading.services import halting, limiter
from trading.web.books import books

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

INFY = {"exchange": "NSE", "symbol": "INFY", "product": "MIS"}


def text_of(response: Any) -> str:
    return response.content.decode()


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def ours(account: BrokerConnection, qty: int = 40, **fields: Any) -> Position:
    values = {
        "connection": account,
        **INFY,
        "qty": qty,
        "avg_price": Decimal(1500),
        "last_price": Decimal(1510),
        "pnl": Decimal(400),
        "last_updated": clock.now(),
    }
    return Position.objects.create(**values | fields)


@pytest.fixture
def live(desk: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> BrokerConnection:
    """A live account with 40 INFY of ours, 65 at the broker, shares and funds."""
    account = able_account(monkeypatch, name="family")
    now = clock.now() + timedelta(seconds=1)
    ours(account)
    AccountPosition.objects.create(
        connection=account, exchange="NSE", tradingsymbol="INFY", product="MIS", quantity=65,
        average_price=Decimal("1498.25"), last_price=Decimal(1512), day_pnl=Decimal("1234567.5"),
        read_at=now,
    )  # fmt: skip
    AccountHolding.objects.create(
        connection=account, exchange="NSE", tradingsymbol="TCS", quantity=12, t1_quantity=3,
        average_price=Decimal(3800), last_price=Decimal(3900), read_at=now,
    )  # fmt: skip
    AccountState.objects.create(
        connection=account, positions_read_at=now, holdings_read_at=now, funds_read_at=now,
        available=Decimal("512345.60"), used=Decimal(2500), net=Decimal(514845),
    )  # fmt: skip
    return account


def place(account: BrokerConnection, **fields: Any) -> dict[str, Any]:
    return {"connection": account.pk, **INFY} | fields


def realise(rupees: str, **fields: Any) -> None:
    """A trade in INFY that was closed now."""
    order = make_order()
    make_trade(order, order, rupees, **fields)


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


# -- one position ---------------------------------------------------------------------------------


def test_the_page_of_a_position_names_the_consequence_and_rests_on_the_safe_button(desk):
    ours(desk.paper)
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Exit all 40 at market" in page
    assert "That closes it all." in page
    assert "Risk says: Passes" in page
    assert "autofocus>Keep the position" in page


def test_real_money_is_named(desk, live):
    page = text_of(desk.client.get(reverse("position"), place(live)))
    assert "with real money" in page
    assert "Our fills say 40, the broker 65" in page


@pytest.mark.parametrize(
    "fields",
    [
        {"connection": 999},
        {"connection": "x"},
        {"product": "XYZ"},
        {"symbol": ""},
        {"connection": "9" * 30},
    ],
)
def test_a_position_of_nothing_is_not_found(desk, fields):
    for method, name in (
        ("get", "position"),
        ("post", "position_exit"),
        ("post", "position_protect"),
    ):
        answer = getattr(desk.client, method)(reverse(name), place(desk.paper) | fields)
        assert answer.status_code == 404


def test_a_flat_position_says_that_nothing_is_open(desk):
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Nothing is open in NSE:INFY MIS" in page
    assert "Exit all" not in page


def test_an_exit_that_is_on_its_way_can_be_cancelled_from_there(desk):
    ours(desk.paper)
    order = make_order(Status.QUEUED, side="SELL", qty=40, reduce_only=True)
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert f"Order #{order.pk} closes 40 of 40" in page
    assert reverse("order_cancel", args=[order.pk]) in page


@pytest.mark.parametrize("clamp_mode", ["CLAMP", "REJECT"])
def test_what_risk_would_cut_is_said_in_the_consequence(desk, clamp_mode):
    ours(desk.paper)
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=15, clamp_mode=clamp_mode)
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Exit 15 at market" in page
    assert 'That leaves <span class="num">25</span>' in page


def test_an_exit_that_risk_would_deny_is_not_offered(desk):
    ours(desk.paper)
    desk.paper.orders_per_day = 1
    desk.paper.save()
    assert limiter.take(desk.paper, clock.now())
    page = text_of(desk.client.get(reverse("position"), place(desk.paper)))
    assert "Will be denied" in page
    assert "at market</button>" not in page
    assert "Exit part" in page


# -- closing --------------------------------------------------------------------------------------


def test_exit_all_queues_an_exit_and_returns_to_the_positions(desk):
    ours(desk.paper)
    answer = desk.client.post(reverse("position_exit"), place(desk.paper))
    order = Order.objects.get()
    assert (order.status, order.side, order.qty, order.reduce_only) == ("QUEUED", "SELL", 40, True)
    assert order.events.get().actor == "asha"
    assert answer.url == reverse("positions")
    assert "exits 40 NSE:INFY" in said(answer)


def test_a_part_is_exited(desk):
    ours(desk.paper)
    body = place(desk.paper, part="1", qty="1,5", seen=40)
    desk.client.post(reverse("position_exit"), body)
    assert Order.objects.get().qty == 15


@pytest.mark.parametrize("qty", ["0", "-1", "1.5", "ten", "²"])
def test_a_part_that_is_no_quantity_is_said_beside_its_field(desk, qty):
    ours(desk.paper)
    answer = desk.client.post(
        reverse("position_exit"), place(desk.paper, part="1", qty=qty, seen=40)
    )
    assert answer.status_code == 422
    assert "field-bad" in text_of(answer)
    assert not Order.objects.exists()


def test_all_of_it_or_a_part_is_exited_at_a_limit(desk):
    ours(desk.paper)
    body = place(desk.paper, part="1", qty="15", limit="1,512.50", seen=40)
    answer = desk.client.post(reverse("position_exit"), body)
    assert "exits 15 NSE:INFY at ₹1,512.50" in said(answer)
    desk.client.post(reverse("position_exit"), body | {"qty": "", "limit": "1520"})
    orders = Order.objects.order_by("pk")
    assert [(one.order_type, one.qty, one.price) for one in orders] == [
        ("LIMIT", 15, Decimal("1512.5")),
        ("LIMIT", 25, Decimal(1520)),
    ]
    assert all(one.reduce_only for one in orders)


@pytest.mark.parametrize(
    ("limit", "text"),
    [("", "Enter a quantity, a limit price, or both."), ("0", "above 0"), ("dear", "such as")],
)
def test_an_exit_of_nothing_said_or_at_no_price_is_told_beside_its_field(desk, limit, text):
    ours(desk.paper)
    body = place(desk.paper, part="1", qty="", limit=limit, seen=40)
    answer = desk.client.post(reverse("position_exit"), body)
    assert answer.status_code == 422
    assert text in text_of(answer)
    assert not Order.objects.exists()


def test_more_than_is_open_is_refused(desk):
    ours(desk.paper)
    answer = desk.client.post(
        reverse("position_exit"), place(desk.paper, part="1", qty="41", seen=40)
    )
    assert "At most 40 can be exited" in said(answer)
    assert answer.url.startswith(reverse("position"))
    assert not Order.objects.exists()


def test_a_part_of_a_position_that_has_changed_is_not_sent(desk):
    ours(desk.paper)
    answer = desk.client.post(
        reverse("position_exit"), place(desk.paper, part="1", qty="10", seen=50)
    )
    assert "50 then, 40 now" in said(answer)
    assert not Order.objects.exists()


def test_a_second_press_names_the_first(desk):
    ours(desk.paper)
    desk.client.post(reverse("position_exit"), place(desk.paper))
    answer = desk.client.post(reverse("position_exit"), place(desk.paper))
    assert f"#{Order.objects.get().pk}" in said(answer)


def test_a_halted_desk_exits_nothing(desk):
    ours(desk.paper)
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    answer = desk.client.post(reverse("position_exit"), place(desk.paper))
    assert "lunch" in said(answer)
    assert not Order.objects.exists()


@pytest.mark.parametrize("name", ["position_exit", "position_protect"])
def test_a_link_exits_nothing(desk, name):
    ours(desk.paper)
    assert desk.client.get(reverse(name), place(desk.paper)).status_code == 405
    assert not Order.objects.exists()


def test_nobody_exits_without_logging_in(client, desk):
    ours(desk.paper)
    client.logout()
    answer = client.post(reverse("position_exit"), place(desk.paper))
    assert answer.url.startswith(reverse("login"))
    assert not Order.objects.exists()


# -- protecting -----------------------------------------------------------------------------------


def test_a_stop_and_a_target_become_one_trigger(desk, live):
    AccountPosition.objects.update(product="CNC")
    answer = desk.client.post(
        reverse("position_protect"),
        place(live, product="CNC", stop_trigger="1,480", stop_price="1478", target_trigger="1560"),
    )
    stop, target = Order.objects.order_by("pk")
    assert (stop.price, target.price, target.oco_with) == (Decimal(1478), Decimal(1560), stop)
    assert "one GTT" in said(answer)
    page = text_of(desk.client.get(reverse("position"), place(live, product="CNC")))
    assert "1,478.00 once 1,480.00 is reached, or at 1,560.00 once 1,560.00 is" in page


def test_a_stop_on_the_wrong_side_is_said_beside_its_field(desk, live):
    AccountPosition.objects.update(product="CNC")
    answer = desk.client.post(
        reverse("position_protect"), place(live, product="CNC", stop_trigger="1600")
    )
    assert answer.status_code == 422
    page = text_of(answer)
    assert "below the last price, 1512" in page[page.index("field-bad") :]
    assert not Order.objects.exists()


def test_an_intraday_position_says_why_it_takes_no_gtt(desk, live):
    page = text_of(desk.client.get(reverse("position"), place(live)))
    assert "squared off the same day" in page
    assert "Place the GTT" not in page
    answer = desk.client.post(reverse("position_protect"), place(live, stop_trigger="1480"))
    assert answer.status_code == 422
    assert not Order.objects.exists()


def test_a_paper_position_takes_no_gtt(desk):
    ours(desk.paper, product="CNC")
    answer = desk.client.post(
        reverse("position_protect"), place(desk.paper, product="CNC", stop_trigger="1480")
    )
    assert "can't hold a stop and a target" in said(answer)


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
