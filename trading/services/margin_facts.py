"""What an account has free for an order, and what the order would take.

At Zerodha both are the broker's own words, which hold for a short while. Paper's are worked out
from the account's rows, in the claim's own transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from brokers.models import BrokerConnection, PaperAccount, PriceTick
from brokers.paper import funds, ledger
from risk.engine.snapshot import MarginFacts
from trading.domain.values import InstrumentKey, OrderType, Product, Side
from trading.models import Order, OrderMargin, Position
from trading.services.account_rows import MONEY_MAX_AGE, AccountRows, WorkingRow

_ZERO = Decimal(0)

Prices = Mapping[InstrumentKey, PriceTick]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker said that an order would take, and of which order it said so."""

    required: Decimal | None
    asked: Mapping[str, Any]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Purse:
    """A paper account's rupees, paid in and made, and what its orders take of them."""

    cash: Decimal
    rates: funds.Rates


def asked_of(order: Order) -> dict[str, Any]:
    """The fields of an order on which its margin depends, as they are kept with the answer."""
    order_type = OrderType(order.order_type)
    return {
        "exchange": order.exchange,
        "tradingsymbol": order.tradingsymbol,
        "side": str(order.side),
        "quantity": order.qty,
        "product": str(order.product),
        "order_type": order_type.value,
        "price": _plain(order.price) if order_type.needs_price else None,
        "trigger_price": _plain(order.trigger_price) if order_type.needs_trigger else None,
    }


def _plain(price: Decimal | None) -> str | None:
    return None if price is None else format(price.normalize(), "f")


def answer_for(order: Order) -> Answer | None:
    """What the broker said of the order; None when it was not asked."""
    row = OrderMargin.objects.filter(order_id=order.pk).first() if order.pk else None
    return Answer(row.required, row.asked, row.read_at) if row else None


def margin_of(
    rows: AccountRows,
    others: Sequence[WorkingRow],
    prices: Prices,
    order: Order | None,
    answer: Answer | None,
    purse: Purse | None,
) -> MarginFacts:
    """The account's funds; `purse` is a paper account's.

    With an order only answers of the last half minute count, and the required margin only of the
    order as it is now; without one the last word is shown.
    """
    if purse is not None:
        return _of_paper(rows, others, prices, order, purse)
    state = rows.state
    if state is None or state.funds_read_at is None:
        return MarginFacts(required=_required(order, answer, rows.now))
    fresh = rows.now - state.funds_read_at <= MONEY_MAX_AGE
    reserved = _reserved(rows, others, prices, state.funds_read_at)
    known = reserved is not None and (fresh or order is None)
    return MarginFacts(
        available=state.available if known else None,
        required=_required(order, answer, rows.now),
        reserved=reserved or _ZERO,
        read_at=state.funds_read_at,
    )


def _required(order: Order | None, answer: Answer | None, now: datetime) -> Decimal | None:
    if order is None or answer is None or now - answer.read_at > MONEY_MAX_AGE:
        return None
    return answer.required if dict(answer.asked) == asked_of(order) else None


def _reserved(
    rows: AccountRows, others: Sequence[WorkingRow], prices: Prices, read_at: datetime
) -> Decimal | None:
    """Rupees that entries take which the broker's free amount does not know of: what is in
    flight, what was sent since, what has filled since. Without the broker's word for an order its
    whole value counts; None when that is not known either."""
    total = _ZERO
    for one in others:
        since = one.in_flight or one.sent_at is None or one.sent_at > read_at
        if one.reduce_only or one.gtt or not since:
            continue
        if one.margin is not None:
            total += one.margin * one.open_quantity / one.qty
            continue
        price = _price(one, prices)
        if price is None:
            return None
        total += price * one.open_quantity * one.multiplier
    for fill in rows.fills:
        if fill.reduce_only or fill.booked_at <= read_at:
            continue
        if fill.margin is not None and fill.order_quantity:
            total += fill.margin * fill.quantity / fill.order_quantity
        else:
            total += fill.price * fill.quantity * fill.multiplier
    return total


def _price(one: WorkingRow, prices: Prices) -> Decimal | None:
    tick = prices.get(one.instrument)
    return one.own_price or (tick.price if tick else None) or one.seen_price


# -- paper ---------------------------------------------------------------------------------------


def read_purse(connection: BrokerConnection) -> Purse | None:
    """A paper account's money and rates; None for any other account."""
    if not connection.simulated:
        return None
    account = PaperAccount.objects.filter(connection=connection).first()
    account = account or PaperAccount(connection=connection)
    made = Position.objects.filter(connection=connection).aggregate(rupees=Sum("realised"))
    return Purse(account.starting_cash + (made["rupees"] or _ZERO), ledger.rates(account))


def _of_paper(
    rows: AccountRows,
    others: Sequence[WorkingRow],
    prices: Prices,
    order: Order | None,
    purse: Purse,
) -> MarginFacts:
    """From our own ledger: working orders block their margin, so nothing is left to reserve."""
    rates = purse.rates
    stakes = {
        funds.PositionKey(one.exchange, one.tradingsymbol, Product(one.product)): funds.Stake(
            one.quantity, abs(one.quantity) * one.average_price * one.multiplier
        )
        for one in rows.held
    }
    working = []
    for one in others:
        price = _price(one, prices)
        if one.gtt:
            continue
        if price is None:
            return MarginFacts(read_at=rows.now)
        working.append(_claim(one, price))
    blocked = funds.orders_margin(stakes, working, rates)
    required = None
    price = _price_of_order(order, prices) if order is not None else None
    if order is not None and price is not None:
        claims = [*working, _claim_of_order(order, price)]
        required = funds.orders_margin(stakes, claims, rates) - blocked
    return MarginFacts(
        available=purse.cash - funds.positions_margin(stakes, rates) - blocked,
        required=required,
        read_at=rows.now,
    )


def _claim(one: WorkingRow, price: Decimal) -> funds.Claim:
    return funds.Claim(
        key=funds.PositionKey(one.exchange, one.tradingsymbol, Product(one.product)),
        side=one.side,
        quantity=one.open_quantity,
        price=price,
        multiplier=one.multiplier,
    )


def _claim_of_order(order: Order, price: Decimal) -> funds.Claim:
    return funds.Claim(
        key=funds.PositionKey(order.exchange, order.tradingsymbol, Product(order.product)),
        side=Side(order.side),
        quantity=order.qty,
        price=price,
        multiplier=order.multiplier,
    )


def _price_of_order(order: Order, prices: Prices) -> Decimal | None:
    order_type = OrderType(order.order_type)
    if order_type.needs_price:
        return order.price
    if order_type.needs_trigger:
        return order.trigger_price
    tick = prices.get(order.instrument)
    return tick.price if tick else order.seen_price
