"""A contract on the NIFTY that expires with something open."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from brokers.accounts import ensure_paper_account
from brokers.models import BrokerConnection, PaperOrder, PriceSource
from brokers.paper.adapter import PaperBroker
from brokers.port import OrderRequest
from brokers.prices import record_price
from tests.support.positions import listed
from tests.support.trades import traded
from trading.domain.session import at_time
from trading.domain.values import InstrumentKey, OrderType, Product, Side
from trading.services.expiry import settle_due

D = Decimal
EXPIRY = date(2026, 12, 29)  # a Tuesday
CLOSE = at_time(EXPIRY, time(15, 40))
DUE = at_time(EXPIRY, time(16, 0))
MORNING = at_time(EXPIRY, time(10, 0))
NEXT_DAY = at_time(EXPIRY + timedelta(days=1), time(10, 0))
CALL = InstrumentKey("NFO", "NIFTY26DEC26000CE")
NIFTY = InstrumentKey("NSE", "NIFTY 50")


class Time:
    now = MORNING


def contract(key: InstrumentKey, kind: str, strike: str | None = None, **fields: Any) -> None:
    values = {
        "exchange": key.exchange,
        "tradingsymbol": key.tradingsymbol,
        "search_key": key.tradingsymbol,
        "instrument_type": kind,
        "name": "NIFTY",
        "strike": D(strike) if strike else None,
        "expiry": EXPIRY,
        "lot_size": 75,
        "listed_on": EXPIRY,
    }
    listed(**values | fields)


def paper() -> BrokerConnection:
    return ensure_paper_account()


def held_call(side: str = "BUY", price: str = "120", **fields: Any) -> Any:
    values = {
        "connection": paper(),
        "exchange": CALL.exchange,
        "tradingsymbol": CALL.tradingsymbol,
        "product": Product.NRML,
        "at": MORNING,
    } | fields
    return traded(values.pop("connection"), side, 75, price, **values)


def told(price: str, at: datetime, source: str = PriceSource.BROKER) -> None:
    record_price(NIFTY.exchange, NIFTY.tradingsymbol, D(price), at, source)


def settle(at: datetime = DUE) -> int:
    Time.now = at
    return settle_due(at)


def in_paper_book(side: Side, seen: str, **fields: Any) -> None:
    """The same trade in the paper broker's own book."""
    PaperBroker(paper()).place(
        OrderRequest(
            **{
                "tag": f"S{PaperOrder.objects.count()}",
                "exchange": CALL.exchange,
                "tradingsymbol": CALL.tradingsymbol,
                "side": side,
                "quantity": 75,
                "order_type": OrderType.MARKET,
                "product": Product.NRML,
                "reference_price": D(seen),
            }
            | fields
        )
    )


def paper_worth() -> Decimal:
    margins = PaperBroker(paper()).margins()
    assert margins.used == 0
    return margins.net - 1_000_000
