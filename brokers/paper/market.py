"""Simulated time for the paper broker: resting orders meet each new price, and days end.

Prices are met in the order in which they became known, each once for an account: the account's
cursor moves in the transaction that writes the fills, under the account's lock. A worker that
finds the account locked leaves the work to whoever holds it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db.models import Count, Min, Q

from brokers import prices
from brokers.models import LIVE_STATUSES, UNFINISHED_STATUSES, PaperAccount, PaperOrder, PriceTick
from brokers.paper import book, matching
from brokers.paper.matching import Direction
from brokers.port import BrokerStatus
from sigmatrader.db import write_transaction
from trading.domain.values import InstrumentKey

# So that one call holds the database for a moment only.
TICKS_PER_CALL: Final = 200


def advance(account_id: int, now: datetime) -> int:
    """Meet what is new, at most TICKS_PER_CALL prices; how many orders changed."""
    settled = _due(account_id, now)
    if settled is None:
        return 0
    with write_transaction():
        account = (
            PaperAccount.objects.select_for_update(no_key=True, skip_locked=True)
            .filter(pk=account_id)
            .first()
        )
        if account is None:
            return 0
        return len(_complete(account, now) | _meet_prices(account, settled, now))


def _due(account_id: int, now: datetime) -> int | None:
    """Up to which price there is something to do; None when there is nothing, as mostly."""
    unfinished = PaperOrder.objects.filter(account_id=account_id, status__in=UNFINISHED_STATUSES)
    found = unfinished.aggregate(
        pending=Count("id", filter=Q(status=BrokerStatus.PENDING)),
        after=Min("after_tick"),
        expires=Min("expires_at"),
    )
    if found["after"] is None:
        return None
    cursor = PaperAccount.objects.values_list("tick_cursor", flat=True).get(pk=account_id)
    start = max(cursor, found["after"])
    settled = prices.settled_tick_id(start)
    over = found["expires"] is not None and found["expires"] <= now
    return settled if found["pending"] or over or settled > start else None


def _complete(account: PaperAccount, now: datetime) -> set[int]:
    """Give the PENDING orders their first look, before any price that came after them."""
    pending = PaperOrder.objects.filter(account=account, status=BrokerStatus.PENDING)
    orders = list(pending.order_by("id"))
    for order in orders:
        book.take_in(account, order, now)
    return {order.pk for order in orders}


def _meet_prices(account: PaperAccount, settled: int, now: datetime) -> set[int]:
    """Test the live orders against the prices up to `settled`, then end those whose day is over."""
    live = list(PaperOrder.objects.filter(account=account, status__in=LIVE_STATUSES).order_by("id"))
    if not live:
        return set()
    start = max(account.tick_cursor, min(order.after_tick for order in live))
    ticks = _ticks(live, start, settled)
    changed: set[int] = set()
    for tick in ticks:
        for order in live:
            if order.status in LIVE_STATUSES and _meet(account, order, tick, now):
                changed.add(order.pk)
    all_met = len(ticks) < TICKS_PER_CALL
    cursor = settled if all_met else ticks[-1].pk
    if cursor > account.tick_cursor:
        PaperAccount.objects.filter(pk=account.pk).update(tick_cursor=cursor)
    if all_met:
        changed |= _end_day(live, now)
    return changed


def _ticks(live: Iterable[PaperOrder], start: int, settled: int) -> list[PriceTick]:
    """The next prices of the instruments of `live`, and perhaps of namesakes elsewhere."""
    return list(
        PriceTick.objects.filter(
            id__gt=start,
            id__lte=settled,
            exchange__in={order.exchange for order in live},
            tradingsymbol__in={order.tradingsymbol for order in live},
        ).order_by("id")[:TICKS_PER_CALL]
    )


def _meet(account: PaperAccount, order: PaperOrder, tick: PriceTick, now: datetime) -> bool:
    """One live order against one price; whether it changed anything."""
    if order.after_tick >= tick.pk or _key(order) != _key(tick):
        return False
    if order.expires_at is not None and tick.at >= order.expires_at:
        book.expire(order, now)
        return True
    if not matching.may_trade(order.exchange, tick.at, book.hours_of(account)):
        return False
    at = max(tick.at, order.placed_at)
    if order.status == BrokerStatus.TRIGGER_ACTIVE:
        assert order.trigger_price is not None
        direction = Direction(order.trigger_direction)
        if not matching.gtt_fires(direction, order.trigger_price, tick.price):
            return False
        book.fire(account, order, tick.price, at, now)
        return True
    before = book.match_order(order)
    match = matching.tick(before, tick.price, book.match_config(account))
    if match.fill is None and match.order == before:
        return False
    book.record(order, match, at, now)
    return True


def _end_day(live: Iterable[PaperOrder], now: datetime) -> set[int]:
    over = [
        order
        for order in live
        if order.status in LIVE_STATUSES
        and order.expires_at is not None
        and order.expires_at <= now
    ]
    for order in over:
        book.expire(order, now)
    return {order.pk for order in over}


def _key(row: PaperOrder | PriceTick) -> InstrumentKey:
    return InstrumentKey(row.exchange, row.tradingsymbol)
