"""From rows to what the engine reads: limits and trading states. The only writer of the latter.

Limits are written by `risk.settings_service` alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q

from risk.engine.limits import Limits, Window, fresh_limits
from risk.engine.snapshot import ScopeState
from risk.models import RiskSettings, TradingState, TradingStateChange
from risk.settings_values import from_stored
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.values import ClampMode, RiskScope, StateScope, TradingStateName

_SCOPE_ORDER = {scope: place for place, scope in enumerate(StateScope)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentState:
    """The state of one scope as pages and API show it; `changed_at` is None if it never changed."""

    scope: StateScope
    label: str
    connection_id: int | None
    strategy_id: int | None
    state: TradingStateName
    reason: str
    changed_at: datetime | None
    changed_by: str


def limits_for(strategy_id: int | None, strategy_name: str) -> list[Limits]:
    """The limits that apply to an order of that strategy (None: of no strategy), GLOBAL first.

    Where nobody has made GLOBAL settings, those of a new installation hold.
    """
    mine = Q(scope=RiskScope.GLOBAL)
    if strategy_id is not None:
        mine |= Q(scope=RiskScope.STRATEGY, strategy_id=strategy_id)
    rows = RiskSettings.objects.filter(mine).order_by("scope")
    now = clock.now()
    found = [limits_of(_as_of(row, now), strategy_name) for row in rows]
    if not any(limits.scope is RiskScope.GLOBAL for limits in found):
        found.insert(0, fresh_limits())
    return found


@dataclass(frozen=True, slots=True)
class ScopeLimits:
    """The limits in force of one scope; `row` is None while nobody has set any for it."""

    limits: Limits
    row: RiskSettings | None = None


def limits_of_all() -> list[ScopeLimits]:
    """GLOBAL's limits, which always hold, then those of each strategy that has some, by name."""
    now = clock.now()
    rows = RiskSettings.objects.select_related("strategy__connection")
    found = [
        ScopeLimits(limits_of(_as_of(row, now), row.strategy.name if row.strategy else ""), row)
        for row in rows.order_by("scope", "strategy__name")
    ]
    if not any(one.limits.scope is RiskScope.GLOBAL for one in found):
        found.insert(0, ScopeLimits(fresh_limits()))
    return found


def _as_of(row: RiskSettings, now: datetime) -> RiskSettings:
    """The row without a temporary change that has run out, whether it is tidied up yet or not."""
    if row.reverts_at is not None and row.reverts_at <= now:
        for name, value in from_stored(row.reverts_to).items():
            setattr(row, name, value)
    return row


_SAME_NAME = frozenset(field.name for field in fields(Limits)) - {
    "scope",
    "label",
    "clamp_mode",
    "symbol_whitelist",
    "symbol_blacklist",
    "no_trade_windows",
}


def limits_of(row: RiskSettings, strategy_name: str) -> Limits:
    """One row of settings as the engine reads it."""
    scope = RiskScope(row.scope)
    return Limits(
        scope=scope,
        label="GLOBAL" if scope is RiskScope.GLOBAL else f"STRATEGY({strategy_name})",
        clamp_mode=ClampMode(row.clamp_mode),
        symbol_whitelist=tuple(row.symbol_whitelist),
        symbol_blacklist=tuple(row.symbol_blacklist),
        no_trade_windows=tuple(
            Window(
                time.fromisoformat(one["start"]),
                time.fromisoformat(one["end"]),
                tuple(one.get("days") or ()),
            )
            for one in row.no_trade_windows
        ),
        **{name: getattr(row, name) for name in _SAME_NAME},
    )


def states_for(connection_id: int | None, strategy_id: int | None) -> tuple[ScopeState, ...]:
    """The states that were ever set for these scopes, widest first. What is missing is ACTIVE."""
    mine = Q(scope=StateScope.EVERYTHING)
    if connection_id is not None:
        mine |= Q(scope=StateScope.ACCOUNT, connection_id=connection_id)
    if strategy_id is not None:
        mine |= Q(scope=StateScope.STRATEGY, strategy_id=strategy_id)
    rows = TradingState.objects.filter(mine).select_related("connection", "strategy")
    return tuple(
        ScopeState(
            scope=StateScope(row.scope),
            label=row.label,
            state=TradingStateName(row.state),
            reason=row.reason,
        )
        for row in sorted(rows, key=_widest_first)
    )


def is_halted(connection_id: int | None, strategy_id: int | None) -> bool:
    """Whether everything, the account or the strategy is HALTED."""
    return any(
        scope.state is TradingStateName.HALTED for scope in states_for(connection_id, strategy_id)
    )


def state_of(
    scope: StateScope, connection_id: int | None = None, strategy_id: int | None = None
) -> TradingStateName:
    """The state that this one scope was set to; a wider one may be stricter."""
    rows = TradingState.objects.filter(scope=scope)
    if connection_id is not None:
        rows = rows.filter(connection_id=connection_id)
    if strategy_id is not None:
        rows = rows.filter(strategy_id=strategy_id)
    found = rows.values_list("state", flat=True).first()
    return TradingStateName(found) if found else TradingStateName.ACTIVE


def current_states() -> list[CurrentState]:
    """Every state that was ever set, widest scope first; EVERYTHING is always there."""
    rows = TradingState.objects.select_related("connection", "strategy")
    states = [
        CurrentState(
            scope=StateScope(row.scope),
            label=row.label,
            connection_id=row.connection_id,
            strategy_id=row.strategy_id,
            state=TradingStateName(row.state),
            reason=row.reason,
            changed_at=row.changed_at,
            changed_by=row.changed_by,
        )
        for row in sorted(rows, key=_widest_first)
    ]
    if not states or states[0].scope is not StateScope.EVERYTHING:
        states.insert(0, _never_set())
    return states


def set_state(
    scope: StateScope,
    state: TradingStateName,
    reason: str,
    actor: str,
    connection_id: int | None = None,
    strategy_id: int | None = None,
) -> TradingState:
    """Set the state of a scope and record the change, in one transaction.

    The same state for the same reason again changes nothing. ACTIVE needs a reason. Raises
    ValidationError naming the field, and `sigmatrader.db.Busy`.
    """
    reason = reason.strip()
    if state is TradingStateName.ACTIVE and not reason:
        raise ValidationError({"reason": "Say why trading may go on."})
    target: dict[str, Any] = {
        "scope": scope,
        "connection_id": connection_id,
        "strategy_id": strategy_id,
    }
    with write_transaction():
        _check_scope_object(scope, connection_id, strategy_id)
        row, created = TradingState.objects.select_for_update().get_or_create(
            **target, defaults={"changed_at": clock.now(), "changed_by": actor}
        )
        old = TradingStateName(row.state)
        if not created and old is state and row.reason == reason:
            return row
        row.state, row.reason = state, reason
        row.changed_at, row.changed_by = clock.now(), actor
        row.save(update_fields=["state", "reason", "changed_at", "changed_by"])
        TradingStateChange.objects.create(
            **target,
            label=row.label,
            old=old,
            new=state,
            reason=reason,
            actor=actor,
            at=row.changed_at,
        )
        return row


def _check_scope_object(
    scope: StateScope, connection_id: int | None, strategy_id: int | None
) -> None:
    """The scope's own object is named and exists; the other one is not named."""
    wanted = {StateScope.ACCOUNT: "connection", StateScope.STRATEGY: "strategy"}.get(scope)
    errors = {}
    for name, key in (("connection", connection_id), ("strategy", strategy_id)):
        if name != wanted:
            if key is not None:
                errors[f"{name}_id"] = f"Leave it empty: scope {scope} has no {name}."
        elif key is None:
            errors[f"{name}_id"] = f"Say which {name}: scope {scope} needs one."
        elif not _exists(name, key):
            errors[f"{name}_id"] = f"There is no {name} {key}."
    if errors:
        raise ValidationError(errors)


def _exists(name: str, key: int) -> bool:
    related = TradingState._meta.get_field(name).related_model
    assert isinstance(related, type)
    assert issubclass(related, Model)
    return related._default_manager.filter(pk=key).exists()


def _widest_first(row: TradingState) -> tuple[int, int]:
    return _SCOPE_ORDER[StateScope(row.scope)], row.pk


def _never_set() -> CurrentState:
    return CurrentState(
        scope=StateScope.EVERYTHING,
        label="everything",
        connection_id=None,
        strategy_id=None,
        state=TradingStateName.ACTIVE,
        reason="",
        changed_at=None,
        changed_by="",
    )
