"""The paper broker's book: every change to it that a request asks for, each in one transaction.

An order's row is committed first, with the price it meets; its fills follow in a transaction of
their own. Whoever finds a PENDING row ends what was begun, so a process that dies in between
neither loses nor repeats a fill. The account's row is the lock: changes to one account queue.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from brokers import hours, prices
from brokers.errors import NoPrice, Refused
from brokers.models import PaperAccount, PaperOrder, PaperTrade
from brokers.paper import funds, ledger, matching
from brokers.paper.matching import Match, MatchConfig, MatchOrder
from brokers.paper.rules import check_terms
from brokers.port import BrokerStatus, OrderRequest
from sigmatrader.db import write_transaction
from trading.domain.calendar import Calendar
from trading.domain.values import OrderType, Side, Validity, Variety

_MODIFIABLE: Final = (BrokerStatus.OPEN, BrokerStatus.TRIGGER_PENDING)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a modification asks for; None leaves as it is."""

    quantity: int | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    order_type: OrderType | None = None
    validity: Validity | None = None


def lock_account(account_id: int) -> PaperAccount:
    """The account, with its row locked for the rest of the transaction."""
    return PaperAccount.objects.select_for_update(no_key=True).get(pk=account_id)


def enter(account_id: int, request: OrderRequest, now: datetime) -> PaperOrder:
    """Write the order down as PENDING; the first order with the same tag when there is one."""
    with write_transaction():
        account = lock_account(account_id)
        first = PaperOrder.objects.filter(account=account, tag=request.tag).first()
        if first is not None:
            return first
        order = PaperOrder.objects.create(
            account=account,
            tag=request.tag,
            exchange=request.exchange,
            tradingsymbol=request.tradingsymbol,
            side=request.side,
            quantity=request.quantity,
            order_type=request.order_type,
            product=request.product,
            validity=request.validity,
            variety=request.variety,
            price=request.price,
            trigger_price=request.trigger_price,
            multiplier=request.multiplier,
            market_price=prices.market_price(
                request.exchange, request.tradingsymbol, request.reference_price, now
            ),
            after_tick=prices.last_tick_id(),
            placed_at=now,
            updated_at=now,
        )
        if request.variety is Variety.GTT:
            order.trigger_id = f"G{order.pk:012d}"
        else:
            order.order_id = order_id_of(order)
        order.save(update_fields=["order_id", "trigger_id"])
        return order


def order_id_of(order: PaperOrder) -> str:
    """Unique over all accounts, and known from the row alone."""
    return f"P{order.pk:012d}"


def complete(account_id: int, order_pk: int, now: datetime) -> bool:
    """Give a PENDING order its first look; False when somebody already did."""
    with write_transaction():
        account = lock_account(account_id)
        order = PaperOrder.objects.get(account=account, pk=order_pk)
        if order.status != BrokerStatus.PENDING:
            return False
        take_in(account, order, now)
        return True


def pending_ids(account_id: int) -> list[int]:
    """The rows whose first look is still to come, oldest first."""
    pending = PaperOrder.objects.filter(account_id=account_id, status=BrokerStatus.PENDING)
    return list(pending.order_by("id").values_list("pk", flat=True))


def take_in(account: PaperAccount, order: PaperOrder, now: datetime) -> None:
    """The first look at an order, with the account locked: rejected, resting or filled."""
    if order.variety == Variety.GTT:
        assert order.trigger_price is not None
        order.trigger_direction = matching.gtt_direction(
            Side(order.side), order.trigger_price, order.market_price
        )
        _finish(order, BrokerStatus.TRIGGER_ACTIVE, "", now)
    elif not matching.may_trade(order.exchange, order.placed_at, hours_of(account)):
        _finish(order, BrokerStatus.REJECTED, f"The market of {order.exchange} is closed.", now)
    else:
        open_order(account, order, order.market_price, order.placed_at, now)


def open_order(
    account: PaperAccount,
    order: PaperOrder,
    market: Decimal | None,
    at: datetime,
    now: datetime,
) -> None:
    """An order comes to market at `at`: checked against the account, then matched."""
    order.expires_at = matching.day_ends(order.exchange, at, hours_of(account))
    problem = _problem(account, order, market)
    if problem:
        _finish(order, BrokerStatus.REJECTED, problem, now)
    else:
        record(order, matching.arrive(match_order(order), market, match_config(account)), at, now)


def fire(
    account: PaperAccount, order: PaperOrder, price: Decimal, at: datetime, now: datetime
) -> None:
    """A GTT whose trigger `price` reached becomes an order."""
    order.order_id = order_id_of(order)
    order.market_price = price
    open_order(account, order, price, at, now)


def modify(account_id: int, order_id: str, changes: Changes, now: datetime) -> None:
    """Change a working order; it meets the last price anew. Refused when it cannot be."""
    with write_transaction():
        account = lock_account(account_id)
        order = _working(account, order_id, "modified", now)
        _apply(order, changes)
        market = prices.market_price(order.exchange, order.tradingsymbol, None, now)
        if not matching.may_trade(order.exchange, now, hours_of(account)):
            market = None
        problem = _problem(account, order, market)
        if problem:
            raise (Refused if market else NoPrice)(problem)
        order.market_price = market
        order.after_tick = prices.last_tick_id()
        record(order, matching.arrive(match_order(order), market, match_config(account)), now, now)


def cancel(account_id: int, order_id: str, now: datetime) -> None:
    """Cancel what is left of a working order. Refused when nothing is."""
    with write_transaction():
        account = lock_account(account_id)
        order = _working(account, order_id, "cancelled", now)
        _finish(order, BrokerStatus.CANCELLED, "", now)


def cancel_trigger(account_id: int, trigger_id: str, now: datetime) -> None:
    """Withdraw a GTT that has not fired. Refused when it has, or when there is none."""
    with write_transaction():
        account = lock_account(account_id)
        order = PaperOrder.objects.filter(account=account, trigger_id=trigger_id).first()
        if order is None:
            raise Refused(f"There is no GTT {trigger_id}.")
        if order.status == BrokerStatus.PENDING:
            take_in(account, order, now)
        if order.status != BrokerStatus.TRIGGER_ACTIVE:
            raise Refused(f"GTT {trigger_id} is {order.status}: it can't be withdrawn any more.")
        _finish(order, BrokerStatus.CANCELLED, "", now)


def expire(order: PaperOrder, now: datetime, message: str = "The order's day is over.") -> None:
    """End a DAY order with its day, any order with its contract."""
    _finish(order, BrokerStatus.EXPIRED, message, now)


def match_order(order: PaperOrder) -> MatchOrder:
    """The row as matching sees it."""
    return MatchOrder(
        side=Side(order.side),
        order_type=OrderType(order.order_type),
        validity=Validity(order.validity),
        quantity=order.quantity,
        filled=order.filled_quantity,
        price=order.price,
        trigger_price=order.trigger_price,
        triggered=order.triggered,
        status=BrokerStatus(order.status),
    )


def match_config(account: PaperAccount) -> MatchConfig:
    return MatchConfig(slippage_bps=account.slippage_bps, fill_depth=account.fill_depth)


def hours_of(account: PaperAccount) -> Calendar | None:
    """The market hours that the account keeps; None when it trades at any hour."""
    return hours.calendar() if account.keep_market_hours else None


def record(order: PaperOrder, match: Match, at: datetime, now: datetime) -> None:
    """Write what matching said: the fill as a trade, the rest on the row."""
    if match.fill is not None:
        earlier = order.trades.count() if order.filled_quantity else 0
        PaperTrade.objects.create(
            order=order,
            trade_id=f"{order.order_id}-{earlier + 1}",
            quantity=match.fill.quantity,
            price=match.fill.price,
            at=at,
        )
        ledger.add_trade(order, match.fill.quantity, match.fill.price)
    order.filled_quantity = match.order.filled
    order.triggered = match.order.triggered
    _finish(order, match.order.status, order.message, now)


def _finish(order: PaperOrder, status: BrokerStatus, message: str, now: datetime) -> None:
    order.status, order.message, order.updated_at = status, message, now
    order.save()


def _problem(account: PaperAccount, order: PaperOrder, market: Decimal | None) -> str:
    """Why the order cannot come to market; "" when it can."""
    if order.order_type == OrderType.MARKET and market is None:
        return (
            f"No price is known for {order.exchange}:{order.tradingsymbol}: "
            "send an alert with a price, or use a LIMIT order."
        )
    paid = market
    if market is not None:
        paid = matching.market_fill_price(Side(order.side), market, match_config(account))
    held = ledger.positions(account)
    return funds.refusal(
        claim=ledger.claim_of(order, paid),
        stakes=ledger.stakes(held),
        working=ledger.working_claims(account, excluding=order),
        cash=ledger.cash(account, held),
        rates=ledger.rates(account),
    )


def _working(account: PaperAccount, order_id: str, verb: str, now: datetime) -> PaperOrder:
    """The order if it can still be changed; Refused otherwise."""
    order = PaperOrder.objects.filter(account=account, order_id=order_id).first()
    if order is None:
        raise Refused(f"There is no order {order_id}.")
    if order.status == BrokerStatus.PENDING:
        take_in(account, order, now)
    if order.status not in _MODIFIABLE:
        raise Refused(f"Order {order_id} is {order.status}: it can't be {verb} any more.")
    return order


def _apply(order: PaperOrder, changes: Changes) -> None:
    """Put `changes` on the row in memory. Refused when the result would be no order."""
    was_stop = OrderType(order.order_type).needs_trigger
    order.order_type = changes.order_type or OrderType(order.order_type)
    order.validity = changes.validity or Validity(order.validity)
    order.quantity = order.quantity if changes.quantity is None else changes.quantity
    order.price = order.price if changes.price is None else changes.price
    if changes.trigger_price is not None:
        order.trigger_price = changes.trigger_price
    if not was_stop:
        order.triggered = False
    check_terms(
        side=Side(order.side),
        quantity=order.quantity,
        order_type=OrderType(order.order_type),
        validity=Validity(order.validity),
        price=order.price,
        trigger_price=order.trigger_price,
    )
    if order.quantity <= order.filled_quantity:
        raise Refused(
            f"quantity must be above the {order.filled_quantity} that are filled, "
            f"not {order.quantity}."
        )
