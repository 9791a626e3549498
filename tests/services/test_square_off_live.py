"""Squaring off an account at Zerodha, at the simulator."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.models import AccountState, PriceSource
from brokers.prices import record_price
from sigmatrader import clock
from tests.support.desk import Desk
from tests.support.positions import listed
from tests.support.square_offs import ask, exits
from tests.support.trades import traded
from trading.services import squaring
from trading.services.held import held

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def open_position(desk: Desk, **fields: Any) -> None:
    desk.order(**fields)
    desk.send_next()
    desk.read_all()


def follow(desk: Desk, times: int = 3) -> None:
    for _ in range(times):
        desk.wait(1)
        squaring.step(desk.now)
        desk.round()
        desk.read_account()
        while desk.send_next() is not None:
            desk.read_all()


def test_it_ends_flat_at_the_broker(desk: Desk):
    open_position(desk, qty=10)
    row = ask(scope="ACCOUNT", connection_id=desk.connection.pk)
    follow(desk)
    row.refresh_from_db()
    assert row.outcome == "Flat."
    sides = [(one["transaction_type"], one["quantity"]) for one in desk.at_broker()]
    assert sides == [("BUY", 10), ("SELL", 10)]


def test_delivered_shares_stay(desk: Desk):
    desk.own(100)
    row = ask(scope="ACCOUNT", connection_id=desk.connection.pk)
    follow(desk, 1)
    row.refresh_from_db()
    assert (row.outcome, desk.at_broker()) == ("Flat.", [])


def test_an_account_that_is_logged_out_is_told(desk: Desk):
    open_position(desk, qty=10)
    row = ask(scope="ACCOUNT", connection_id=desk.connection.pk)
    desk.connection.token_expires_at = desk.now
    desk.connection.save()
    squaring.step(desk.now)
    row.refresh_from_db()
    assert row.finished_at is None  # somebody may log in
    squaring.step(desk.now + timedelta(minutes=16))
    row.refresh_from_db()
    assert row.outcome.startswith("Not flat: The session of desk has expired")


def test_a_closed_market_is_told_and_no_order_waits_for_the_morning(desk: Desk):
    open_position(desk, qty=10, product="CNC")
    desk.move_to(desk.now.replace(hour=15, minute=40))
    desk.log_in()
    row = ask(scope="ACCOUNT", connection_id=desk.connection.pk)
    follow(desk, 2)
    row.refresh_from_db()
    assert "NSE is closed" in row.outcome
    assert exits() == []


def test_an_option_on_a_share_goes_at_a_limit(desk: Desk):
    symbol = "RELIANCE26DEC1400CE"
    listed(
        exchange="NFO",
        tradingsymbol=symbol,
        search_key=symbol,
        name="RELIANCE",
        instrument_type="CE",
        lot_size=500,
    )
    nfo = {"exchange": "NFO", "tradingsymbol": symbol, "symbol": f"NFO:{symbol}"}
    traded(desk.connection, "BUY", 500, "50", product="NRML", **nfo)
    AccountState.objects.filter(connection=desk.connection).update(positions_read_at=None)
    record_price("NFO", symbol, Decimal(40), clock.now(), PriceSource.BROKER)
    # What an alert says of a price is no price of the market, and moves no limit.
    for said in ("1", "900"):
        record_price("NFO", symbol, Decimal(said), desk.now, PriceSource.ALERT)
    ask(scope="ACCOUNT", connection_id=desk.connection.pk)
    squaring.step(desk.now)
    order = exits()[0]
    assert (order.order_type, order.side, order.price) == ("LIMIT", "SELL", Decimal(38))


def test_an_alert_outbids_no_price_that_the_broker_has_shown(desk: Desk):
    open_position(desk, qty=10)
    key = ("NSE", "INFY", "MIS")
    shown = held(desk.connection, *key).last_price
    desk.wait(1)
    record_price("NSE", "INFY", Decimal(1), desk.now, PriceSource.ALERT)
    assert shown is not None
    assert held(desk.connection, *key).last_price == shown
