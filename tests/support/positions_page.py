"""The positions page in tests: what is ours in INFY, and how it is named in addresses."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from brokers.models import AccountHolding, AccountPosition, AccountState, BrokerConnection
from sigmatrader import clock
from tests.factories import make_order
from tests.support.positions import able_account
from tests.web.conftest import make_trade
from trading.models import Position

INFY = {"exchange": "NSE", "symbol": "INFY", "product": "MIS"}


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


def place(account: BrokerConnection, **fields: Any) -> dict[str, Any]:
    return {"connection": account.pk, **INFY} | fields


def realise(rupees: str, **fields: Any) -> None:
    """A trade in INFY that was closed now."""
    order = make_order()
    make_trade(order, order, rupees, **fields)


def account_shown(monkeypatch: pytest.MonkeyPatch) -> BrokerConnection:
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
