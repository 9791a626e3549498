"""What a paper account holds and owns, worked out from its trades each time it is asked."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import F, QuerySet, Sum

from brokers.models import LIVE_STATUSES, PaperAccount, PaperOrder, PaperTrade
from brokers.paper.funds import Claim, PositionKey, Rates, Stake
from brokers.port import BrokerStatus
from sigmatrader.fields import ScaledDecimalField
from trading.domain.position import FillRow, PositionState, fold
from trading.domain.values import OrderType, Product, Side

ZERO: Final = Decimal(0)
_PAGE: Final = 100


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
    quantity: int = 0
    cash: Decimal = ZERO
    multiplier: Decimal = Decimal(1)


def positions(account: PaperAccount, before: datetime | None = None) -> dict[PositionKey, Held]:
    """Everything the account ever traded, as it stood at `before` (None: now).

    Quantities and cash are sums of the trades. What is open is, first in first out, the latest
    trades on the side of the position, so no more than those are folded.
    """
    trades = PaperTrade.objects.filter(order__account=account)
    if before is not None:
        trades = trades.filter(at__lt=before)
    flows: defaultdict[PositionKey, _Flow] = defaultdict(_Flow)
    for row in (
        trades.values(
            "order__exchange",
            "order__tradingsymbol",
            "order__product",
            "order__side",
            "order__multiplier",
        )
        .annotate(
            units=Sum("quantity"),
            turnover=Sum(F("quantity") * F("price"), output_field=ScaledDecimalField()),
        )
        .order_by()
    ):
        key = PositionKey(
            row["order__exchange"], row["order__tradingsymbol"], Product(row["order__product"])
        )
        flow, sign = flows[key], Side(row["order__side"]).sign
        flow.quantity += sign * row["units"]
        flow.cash -= sign * row["turnover"] * row["order__multiplier"]
        flow.multiplier = row["order__multiplier"]
    return {key: _held(trades, key, flow) for key, flow in flows.items()}


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
        key=PositionKey(order.exchange, order.tradingsymbol, Product(order.product)),
        side=Side(order.side),
        quantity=order.quantity - order.filled_quantity,
        price=price or ZERO,
        multiplier=order.multiplier,
    )


def _held(trades: QuerySet[PaperTrade], key: PositionKey, flow: _Flow) -> Held:
    state = fold(_open_fills(trades, key, flow.quantity), flow.multiplier)
    paid = sum((lot.quantity * lot.price for lot in state.open_lots), ZERO) * flow.multiplier
    return Held(state, flow.multiplier, flow.cash + paid)


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
