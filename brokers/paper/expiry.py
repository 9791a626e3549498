"""The end of contracts in the paper book: their orders end, and what is open is settled.

Which contracts have expired, and at what they are settled, is told from outside. Each function is
a part of its caller's transaction, and does nothing where it was done before.
"""

from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from brokers.models import (
    UNFINISHED_STATUSES,
    BrokerConnection,
    PaperAccount,
    PaperOrder,
    PaperPosition,
    PaperSettlement,
)
from brokers.paper import book, ledger
from trading.domain.values import InstrumentKey


def end_orders(connection: BrokerConnection, key: InstrumentKey, now: datetime) -> int:
    """End every order of the contract that still rests; how many were."""
    resting = PaperOrder.objects.filter(
        account__connection=connection,
        exchange=key.exchange,
        tradingsymbol=key.tradingsymbol,
        status__in=UNFINISHED_STATUSES,
    )
    account = _locked(connection) if resting.exists() else None
    if account is None:
        return 0
    orders = list(resting.order_by("id"))
    for order in orders:
        book.expire(order, now, "The contract has expired.")
    return len(orders)


def settle(
    connection: BrokerConnection,
    key: InstrumentKey,
    product: str,
    price: Decimal | None,
    at: datetime,
) -> bool:
    """Close what is open of the contract at `price` rupees a unit, by the close `at`; None: the
    price is told later. False when nothing was open."""
    account = _locked(connection)
    row = _positions(account, key).filter(product=product).exclude(quantity=0).first()
    if account is None or row is None:
        return False
    ended = PaperSettlement(
        account=account,
        exchange=key.exchange,
        tradingsymbol=key.tradingsymbol,
        product=product,
        quantity=row.quantity,
        price=price,
        at=at,
    )
    lots = ledger.held_of(row).state.open_lots
    cost = sum((lot.quantity * lot.price for lot in lots), Decimal(0))
    ended.turnover = cost if price is None else row.quantity * price
    ended.save()
    row.quantity = 0
    row.turnover += ended.turnover
    row.save(update_fields=["quantity", "turnover"])
    return True


def state_price(
    connection: BrokerConnection, key: InstrumentKey, product: str, price: Decimal
) -> None:
    """What is settled of the contract was settled at `price`, whatever was said before."""
    account = _locked(connection)
    row = _positions(account, key).filter(product=product).first()
    if account is None or row is None:
        return
    for ended in PaperSettlement.objects.filter(
        account=account, exchange=key.exchange, tradingsymbol=key.tradingsymbol, product=product
    ):
        row.turnover += ended.quantity * price - ended.turnover
        ended.price, ended.turnover = price, ended.quantity * price
        ended.save(update_fields=["price", "turnover"])
    row.save(update_fields=["turnover"])


def _locked(connection: BrokerConnection) -> PaperAccount | None:
    account = PaperAccount.objects.filter(connection=connection).first()
    return None if account is None else book.lock_account(account.pk)


def _positions(account: PaperAccount | None, key: InstrumentKey) -> QuerySet[PaperPosition]:
    return PaperPosition.objects.filter(
        account=account, exchange=key.exchange, tradingsymbol=key.tradingsymbol
    )
