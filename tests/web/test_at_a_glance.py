"""What a trader must see without opening anything: prices, values, percents, whose money."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from brokers.models import AccountHolding, AccountState, BrokerConnection, PriceSource
from brokers.prices import record_price
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.web.conftest import make_alert, order_in
from trading.domain.order import Status
from trading.models import Position
from trading.services.held import held

pytestmark = pytest.mark.django_db

INFY = {"exchange": "NSE", "symbol": "INFY", "product": "MIS"}


def page_of(desk: Any, name: str, *args: object, **query: object) -> str:
    return str(desk.client.get(reverse(name, args=args), query).content.decode())


def told(price: str) -> None:
    record_price("NSE", "INFY", Decimal(price), clock.now(), PriceSource.ALERT)


def position(account: BrokerConnection, qty: int, **fields: Any) -> Position:
    values = {
        "connection": account,
        **INFY,
        "qty": qty,
        "avg_price": Decimal(1500),
        "last_price": Decimal(1515),
        "pnl": Decimal(15) * qty,
        "last_updated": clock.now(),
    }
    return Position.objects.create(**values | fields)


# -- what needs attention ------------------------------------------------------------------------


def test_attention_names_the_order_and_not_its_symbol_alone(desk):
    order = order_in(Status.FAILED, side="SELL", qty=125000)
    page = page_of(desk, "dashboard")
    attention = page[page.index("Needs attention") : page.index("Latest events")]
    assert "SELL 1,25,000 NSE:INFY" in attention
    assert f"#{order.pk}" in attention


# -- an order that waits -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["queue", "order"])
def test_what_risk_will_deny_is_not_urged_upon_anybody(desk, name):
    order = make_order(qty=50)
    where = [order.pk] if name == "order" else []
    assert "btn-buy" in page_of(desk, name, *where)
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=10, clamp_mode="REJECT")
    page = page_of(desk, name, *where)
    assert "Will be denied" in page
    assert "btn-buy" not in page
    assert "Execute" in page


def test_the_page_of_a_waiting_order_has_the_last_price_its_drift_and_the_value(desk):
    order = make_order(qty=50, reference_price=Decimal(1500))
    told("1530")
    page = page_of(desk, "order", order.pk)
    assert "1,530.00" in page
    assert "+2.00 % against it" in page
    assert "76,500.00" in page


def test_a_new_price_renews_the_page_of_a_waiting_order(desk):
    order = make_order(qty=50)
    told("1530")
    key = desk.client.get(reverse("order", args=[order.pk])).context["live_key"]
    address = reverse("order_live", args=[order.pk])
    assert desk.client.get(address, {"v": key}).status_code == 204
    told("1531")
    assert "1,531.00" in desk.client.get(address, {"v": key}).content.decode()


def test_the_summary_of_several_orders_names_their_prices(desk):
    order = make_order(order_type="SL", price=Decimal("1530.5"), trigger_price=Decimal(1529))
    page = page_of(desk, "together", do="execute", order=order.pk)
    assert "at ₹1,530.50, trigger ₹1,529.00" in page


def test_the_price_of_an_alert_is_no_price_of_a_market_order(desk):
    order = make_order(order_type="MARKET", price=Decimal("1530.5"))
    assert "1,530.50" not in page_of(desk, "together", do="execute", order=order.pk)


@pytest.mark.parametrize(
    ("price", "words"),
    [("1470", "limit −2.00 %"), ("1530", "limit +2.00 %"), ("1500", "limit 0.00 %")],
)
def test_a_row_says_how_far_its_limit_is_from_the_market(desk, price, words):
    make_order(order_type="LIMIT", price=Decimal(price), reference_price=None)
    told("1500")
    assert words in page_of(desk, "queue")


def test_an_order_that_was_never_sent_does_not_wait_for_a_verdict(desk):
    order = order_in(Status.EXPIRED)
    assert "It was never sent" in page_of(desk, "order", order.pk)


def test_a_quantity_that_is_missing_is_no_zero(desk):
    order = make_order(qty=0, requested_qty=0, needs_quantity=True)
    page = page_of(desk, "order", order.pk)
    assert '<span class="missing">missing</span>' in page
    assert '<span class="num">0</span>' not in page
    assert "BUY 0" not in page_of(desk, "dashboard")


# -- positions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("qty", "percent"), [(40, "+1.00 %"), (-40, "−1.00 %")])
def test_the_open_profit_of_a_position_stands_in_percent_too(desk, qty, percent):
    position(desk.paper, qty)
    assert f'open <span class="fact">{percent}</span>' in page_of(desk, "positions")


def test_a_holding_has_its_profit_in_percent(desk, live_account):
    now = clock.now()
    AccountState.objects.create(connection=live_account, positions_read_at=now)
    AccountHolding.objects.create(
        connection=live_account, exchange="NSE", tradingsymbol="TCS", quantity=8, t1_quantity=2,
        average_price=Decimal(4000), last_price=Decimal(3900), read_at=now,
    )  # fmt: skip
    assert "−2.50 %" in page_of(desk, "positions")


def test_what_closes_a_position_already_is_shown_with_its_price(desk):
    position(desk.paper, 40)
    make_order(
        Status.QUEUED, side="SELL", qty=15, reduce_only=True,
        order_type="SL", price=Decimal(1480), trigger_price=Decimal("1481.5"),
    )  # fmt: skip
    assert "exits 15, SL at ₹1,480.00, trigger ₹1,481.50" in page_of(desk, "positions")


def test_the_way_to_close_everything_is_on_the_positions(desk):
    found = re.search(r'<a href="([^"]+)">Close everything', page_of(desk, "positions"))
    assert found is not None
    form = desk.client.get(found[1].replace("&amp;", "&")).context["form"]
    assert form["square_off"].value()
    assert form["state"].value() == "REDUCING"


@pytest.mark.parametrize(("qty", "profit"), [(40, "+₹600.00"), (-40, "−₹600.00")])
def test_who_is_about_to_exit_sees_what_that_realises(desk, qty, profit):
    position(desk.paper, qty)
    told("1515")
    page = page_of(desk, "position", connection=desk.paper.pk, **INFY)
    facts = page[page.index("As it stands") :]
    assert profit in facts
    assert "₹60,600.00" in facts


def test_a_position_without_a_price_has_no_profit(desk):
    position(desk.paper, 40, last_price=None)
    one = held(desk.paper, *INFY.values())
    assert one.open_pnl is None
    assert one.value is None


# -- alerts --------------------------------------------------------------------------------------


def test_a_refused_alert_does_not_say_that_its_strategy_is_not_known(desk):
    StrategyFactory(name="supertrend")
    refused = make_alert(outcome="REJECTED", code="invalid_payload")
    assert "not known here" not in page_of(desk, "alert", refused.pk)
    assert "not known here" in page_of(desk, "alert", make_alert(strategy_name="other").pk)


# -- settings ------------------------------------------------------------------------------------


def strategies_of(desk: Any) -> str:
    page = page_of(desk, "settings")
    return page[page.index('id="strategies"') : page.index('id="limits"')]


def test_a_strategy_wears_the_money_that_its_orders_move(desk):
    simulator = BrokerConnectionFactory(
        name="pretended", broker_name="zerodha", kind="SIMULATOR", is_default=False
    )
    StrategyFactory(name="one", execution_target="LIVE", connection=simulator)
    text = strategies_of(desk)
    assert "money-simulator" in text
    assert "pretended" in text
    assert "money-live" not in text


def test_a_strategy_whose_account_nobody_chose_says_so(desk):
    StrategyFactory(name="one", execution_target="LIVE")
    text = strategies_of(desk)
    assert "money-live" in text
    assert "no live account is chosen for it" in text


def test_money_of_an_account_has_two_decimals(desk, live_account):
    AccountState.objects.create(
        connection=live_account, available=Decimal("616926.8625"), funds_read_at=clock.now()
    )
    assert re.search(r"₹6,16,926\.86\b", page_of(desk, "settings"))


# -- the tabs ------------------------------------------------------------------------------------


def test_a_page_below_another_marks_its_tab(desk):
    alert = make_alert(received_at=clock.now() - timedelta(days=1))
    page = page_of(desk, "alert", alert.pk)
    assert f'<a href="{reverse("alerts")}" aria-current="page">' in page
