"""The day's loss moves the trading state: REDUCING at the limit, HALTED at one and a half times.

Each happens once a day for each account and strategy: who resumes after that has decided so. A
square-off comes first: HALTED would stop its exits, so it follows when the square-off is over.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from brokers.models import BrokerConnection
from risk import policy
from risk.engine.limits import Limits
from risk.models import RiskDay, RiskSettings
from sigmatrader.db import write_transaction
from trading.domain.values import RiskScope, StateScope, TradingStateName
from trading.models import Order, Strategy
from trading.services import day_pnl, halting, squareoff
from trading.services.attempts import WORKER
from trading.services.connections import connection_for
from trading.services.setting_aside import set_aside_each
from trading.templatetags.money import qty, rupees

logger = logging.getLogger(__name__)

HALT_FACTOR = Decimal("1.5")


@dataclass(frozen=True, slots=True)
class _Watched:
    """An account, or a strategy on its account, with the limit that its day has."""

    account: BrokerConnection
    strategy: Strategy | None
    limit: Decimal
    label: str

    @property
    def strategy_id(self) -> int | None:
        return self.strategy.pk if self.strategy else None

    @property
    def scope(self) -> StateScope:
        return StateScope.STRATEGY if self.strategy else StateScope.ACCOUNT

    @property
    def target(self) -> dict[str, int | None]:
        """The scope as a trading state names it."""
        if self.strategy is not None:
            return {"strategy_id": self.strategy.pk}
        return {"connection_id": self.account.pk}


def watch(now: datetime) -> None:
    """Look at every day that has a limit. A day that is not known moves nothing: risk lets no
    entry through meanwhile."""
    for one in _watched():
        pnl = day_pnl.day_facts(one.account, now, one.strategy_id).pnl
        if pnl is not None and -pnl >= one.limit:
            _act(one, -pnl, now)


def _watched() -> list[_Watched]:
    found = []
    everywhere = policy.limits_for(None, "")[0]
    if everywhere.max_daily_loss is not None:
        found = [
            _Watched(account, None, everywhere.max_daily_loss, everywhere.label)
            for account in BrokerConnection.objects.order_by("id")
        ]
    own = RiskSettings.objects.filter(
        scope=RiskScope.STRATEGY, max_daily_loss__isnull=False
    ).select_related("strategy__connection")
    for row in own:
        strategy = row.strategy
        if strategy is None:
            continue
        limits: Limits = policy.limits_of(row, strategy.name)
        account, _ = connection_for(strategy)
        if account is not None and limits.max_daily_loss is not None:
            found.append(_Watched(account, strategy, limits.max_daily_loss, limits.label))
    return found


def _act(one: _Watched, loss: Decimal, now: datetime) -> None:
    with write_transaction():
        account = BrokerConnection.objects.select_for_update(no_key=True).get(pk=one.account.pk)
        halts = loss >= HALT_FACTOR * one.limit and not _product_is_closed(one)
        if not _mark(one, now, halts=halts):
            return
        reason = _reason(one, loss, halts=halts)
        after = _halt_after_square_off(one, reason) if halts else ""
        if after:
            halts, reason = False, after
        logger.error("ALARM: %s (%s)", reason, account.name)
        state = TradingStateName.HALTED if halts else TradingStateName.REDUCING
        current = policy.state_of(one.scope, **one.target)
        if _is_stricter(state, current) or (after and state is current):
            policy.set_state(one.scope, state, reason, WORKER, **one.target)
        if halts:
            _set_queue_aside(one, reason)
        halting.stop_entries(account, one.strategy_id, reason)


def _product_is_closed(one: _Watched) -> bool:
    """Whether one product is being squared off there: HALTED waits until that is over."""
    return any(
        row.connection_id in (None, one.account.pk) and row.strategy_id in (None, one.strategy_id)
        for row in squareoff.running().exclude(product="")
    )


def _halt_after_square_off(one: _Watched, reason: str) -> str:
    """The reason, when a square-off of all that is open runs: HALTED follows when it is flat."""
    if policy.state_of(one.scope, **one.target) is TradingStateName.HALTED:
        return ""
    row = squareoff.covering(one.scope, one.account.pk, one.strategy_id)
    if row is None or not squareoff.halt_after(row, reason):
        return ""
    label = squareoff.label_of(row)
    return f"{reason} The square-off of {label} goes on; HALTED follows when it is flat."


def _mark(one: _Watched, now: datetime, *, halts: bool) -> bool:
    """Note that the day has come so far; False when it was noted before."""
    began_with = Decimal(0)
    if one.strategy is not None or one.account.simulated:
        began_with = day_pnl.opening(one.account, now, one.strategy_id) or Decimal(0)
    on = day_pnl.day_of(one.account, now, one.strategy_id)
    day, _ = day_pnl.keep_day(one.account, one.strategy_id, on, began_with)
    field = "halted_at" if halts else "reduced_at"
    fresh = RiskDay.objects.filter(Q(**{f"{field}__isnull": True}), pk=day.pk)
    changes = {field: now}
    if halts and day.reduced_at is None:
        changes["reduced_at"] = now
    return bool(fresh.update(**changes))


def _is_stricter(state: TradingStateName, than: TradingStateName) -> bool:
    order = list(TradingStateName)
    return order.index(state) > order.index(than)


def _set_queue_aside(one: _Watched, reason: str) -> None:
    orders = Order.objects.filter(connection=one.account, status="QUEUED", oco_with__isnull=True)
    if one.strategy is not None:
        orders = orders.filter(strategy=one.strategy)
    set_aside_each(orders, reason)


def _reason(one: _Watched, loss: Decimal, *, halts: bool) -> str:
    limit = qty(one.limit) if one.limit == one.limit.to_integral_value() else rupees(one.limit)
    factor = "1.5 × " if halts else ""
    return f"Day's loss {rupees(loss)} has reached {factor}max_daily_loss={limit} in {one.label}."
