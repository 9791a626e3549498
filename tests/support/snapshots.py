"""Accounts, instruments and orders of which a test asks what risk is handed."""

from datetime import date, datetime
from decimal import Decimal

from brokers.accounts import ensure_paper_account
from brokers.models import AccountPosition, BrokerConnection
from risk.engine.snapshot import Snapshot
from sigmatrader import clock
from tests.factories import make_order
from trading.domain.order import Status
from trading.models import Instrument, Order
from trading.services import exposure, lifecycle

# A Wednesday, in the middle of every session.
NOW = datetime(2026, 12, 2, 11, 0, tzinfo=clock.IST)


def paper() -> BrokerConnection:
    return ensure_paper_account()


def listed(exchange: str = "NSE", tradingsymbol: str = "INFY", **fields: object) -> Instrument:
    values = {
        "exchange": exchange,
        "tradingsymbol": tradingsymbol,
        "search_key": tradingsymbol,
        "instrument_type": "EQ",
        "tick_size": Decimal("0.1"),
        "listed_on": NOW.date(),
    }
    return Instrument.objects.create(**(values | fields))


def nifty_future(**fields: object) -> Instrument:
    values = {
        "name": "NIFTY",
        "instrument_type": "FUT",
        "segment": "NFO-FUT",
        "expiry": date(2026, 12, 29),
        "lot_size": 65,
    }
    return listed("NFO", "NIFTY26DECFUT", **(values | fields))


def shown(account: BrokerConnection, quantity: int, **fields: object) -> None:
    """A position as the broker shows it."""
    values = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": "MIS",
        "average_price": Decimal(1500),
        "last_price": Decimal(1510),
        "read_at": NOW,
    }
    AccountPosition.objects.create(connection=account, quantity=quantity, **(values | fields))


def working(status: Status = Status.SENT, **fields: object) -> Order:
    """An order at its broker, or on its way."""
    order = make_order(Status.QUEUED, **fields)
    lifecycle.transition(order, Status.SENDING, actor="worker")
    if status is not Status.SENDING:
        lifecycle.walk(
            order,
            status,
            actor="broker",
            changes={"sent_at": NOW, "broker_order_id": f"B{order.pk}"},
        )
    return order


def limit(status: Status = Status.SENT, price: str = "1400", **fields: object) -> Order:
    return working(status, order_type="LIMIT", price=Decimal(price), **fields)


def snapshot(order: Order | None = None, **fields: object) -> Snapshot:
    order = order or make_order(**fields)
    return exposure.snapshot_for(order, order.connection, session_ok=True)
