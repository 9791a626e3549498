"""What a paper account holds and owns, worked out from its trades and settlements."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from brokers.models import (
    LIVE_STATUSES,
    PaperAccount,
    PaperOrder,
    PaperPosition,
    PaperSettlement,
    PaperTrade,
)
from brokers.paper.funds import Claim, PositionKey, Rates, Stake
from brokers.port import BrokerStatus
from trading.domain.position import FillRow, PositionState, fold
from trading.domain.values import OrderType, Product, Side

ZERO: Final = Decimal(0)
_PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class Held:
    """One instrument and product: what is open, and everything it ever realised in rupees."""

    state: PositionState
    multiplier: Decimal
    realised: Decimal

    @property
    def stake(self) -> Stake:
        cost = sum((abs(lot.quantity) * lot.price for lot in self.state.open_lots), ZERO)
        return Stake(self.state.quantity, cost * self.multiplier)


@dataclass(slots=True)
class _Flow:
    """Sums of trades: signed units, and rupees a unit of multiplier, sold less bought."""

    quantity: int
    turnover: Decimal
    multiplier: Decimal

    def add(self, side: Side, quantity: int, price: Decimal) -> None:
        self.quantity += side.sign * quantity
        self.turnover -= side.sign * quantity * price


def add_trade(order: PaperOrder, quantity: int, price: Decimal) -> None:
    """Add a trade of `order` to its position; the account must be locked."""
    row, _ = PaperPosition.objects.get_or_create(
        account_id=order.account_id,
        exchange=order.exchange,
        tradingsymbol=order.tradingsymbol,
        product=order.product,
    )
    flow = _Flow(row.quantity, row.turnover, order.multiplier)
    flow.add(Side(order.side), quantity, price)
    row.quantity, row.turnover, row.multiplier = flow.quantity, flow.turnover, flow.multiplier
    row.save(update_fields=["quantity", "turnover", "multiplier"])


def held_of(row: PaperPosition) -> Held:
    """One position as it stands; the account must be locked."""
    trades = PaperTrade.objects.filter(order__account_id=row.account_id)
    return _held(trades, _place(row), _Flow(row.quantity, row.turnover, row.multiplier))


def positions(account: PaperAccount, before: datetime | None = None) -> dict[PositionKey, Held]:
    """Everything the account ever traded, as it stood at `before` (None: now).

    What is open is, first in first out, the latest trades on the side of the position, so no
    more than those are folded.
    """
    flows = {
        _place(row): _Flow(row.quantity, row.turnover, row.multiplier)
        for row in PaperPosition.objects.filter(account=account)
    }
    trades = PaperTrade.objects.filter(order__account=account)
    if before is not None:
        for later in trades.filter(at__gte=before).select_related("order"):
            flows[_key(later.order)].add(Side(later.order.side), -later.quantity, later.price)
        for ended in PaperSettlement.objects.filter(account=account, at__gte=before):
            flow = flows[_place(ended)]
            flow.quantity += ended.quantity
            flow.turnover -= ended.turnover
        trades = trades.filter(at__lt=before)
    return {key: _held(trades, key, flow) for key, flow in flows.items()}


def traded_since(account: PaperAccount, since: datetime) -> set[PositionKey]:
    """What the account has traded at `since` or later, and what has expired."""
    trades = PaperTrade.objects.filter(order__account=account, at__gte=since)
    expired = PaperSettlement.objects.filter(account=account, at__gte=since)
    return {
        *(_key(trade.order) for trade in trades.select_related("order")),
        *(_place(ended) for ended in expired),
    }


def cash(account: PaperAccount, held: dict[PositionKey, Held]) -> Decimal:
    """Rupees paid in plus everything realised."""
    return account.starting_cash + sum((one.realised for one in held.values()), ZERO)


def stakes(held: dict[PositionKey, Held]) -> dict[PositionKey, Stake]:
    """The open ones of `held`."""
    return {key: one.stake for key, one in held.items() if one.state.quantity}


def rates(account: PaperAccount) -> Rates:
    return Rates(
        delivery=account.delivery_margin_percent,
        intraday=account.intraday_margin_percent,
        carry=account.carry_margin_percent,
    )


def working_claims(account: PaperAccount, excluding: PaperOrder | None = None) -> list[Claim]:
    """What the account's working orders could still trade, oldest first; GTTs not counted."""
    statuses = [status for status in LIVE_STATUSES if status is not BrokerStatus.TRIGGER_ACTIVE]
    orders = PaperOrder.objects.filter(account=account, status__in=statuses).order_by("id")
    if excluding is not None:
        orders = orders.exclude(pk=excluding.pk)
    return [claim_of(order, order.market_price) for order in orders]


def claim_of(order: PaperOrder, market: Decimal | None) -> Claim:
    """What `order` could still trade, valued at its limit, its trigger or else at `market`."""
    order_type = OrderType(order.order_type)
    if order_type.needs_price:
        price = order.price
    elif order_type.needs_trigger and not order.triggered:
        price = order.trigger_price
    else:
        price = market
    return Claim(
        key=_key(order),
        side=Side(order.side),
        quantity=order.quantity - order.filled_quantity,
        price=price or ZERO,
        multiplier=order.multiplier,
    )


def _held(trades: QuerySet[PaperTrade], key: PositionKey, flow: _Flow) -> Held:
    state = fold(_open_fills(trades, key, flow.quantity), flow.multiplier)
    paid = sum((lot.quantity * lot.price for lot in state.open_lots), ZERO)
    return Held(state, flow.multiplier, (flow.turnover + paid) * flow.multiplier)


def _place(row: PaperPosition | PaperSettlement) -> PositionKey:
    return PositionKey(row.exchange, row.tradingsymbol, Product(row.product))


def _key(order: PaperOrder) -> PositionKey:
    return PositionKey(order.exchange, order.tradingsymbol, Product(order.product))


def _open_fills(trades: QuerySet[PaperTrade], key: PositionKey, quantity: int) -> list[FillRow]:
    """The latest fills on the position's side that make up `quantity`, oldest first."""
    if quantity == 0:
        return []
    side = Side.BUY if quantity > 0 else Side.SELL
    left = abs(quantity)
    fills: list[FillRow] = []
    newest_first = trades.filter(
        order__exchange=key.exchange,
        order__tradingsymbol=key.tradingsymbol,
        order__product=key.product,
        order__side=side,
    ).order_by("-id")
    rows = newest_first.values_list("quantity", "price", "at")
    for start in range(0, left, _PAGE):
        for units, price, at in rows[start : start + _PAGE]:
            taken = min(left, units)
            fills.append(FillRow(side, taken, price, at=at))
            left -= taken
            if not left:
                return fills[::-1]
    raise ValueError(f"the trades of {key} do not add up to {quantity}")
