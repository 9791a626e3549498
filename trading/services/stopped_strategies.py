"""A strategy that was stopped stays so until somebody resumes it: by no other name, by no deletion
and a new start, and by no switch to AUTO."""

from risk import policy
from trading.domain.values import Mode, StateScope, TradingStateName
from trading.models import Strategy
from trading.services.breakers import open_breakers
from trading.services.errors import Conflict

_WAY_OUT = "Resume it on the Risk page first"


def why_not_deleted(strategy: Strategy) -> str:
    """Why the strategy may not be deleted now; "" when it may."""
    why = _why_stopped(strategy)
    return f"{strategy.name} {why}, which would go with it. {_WAY_OUT}." if why else ""


def why_not_changed(
    strategy: Strategy, *, name: str | None = None, mode: str | None = None
) -> dict[str, list[str]]:
    """What is refused of a change, by field. `strategy` is as stored; None: stays as it is."""
    renamed = name is not None and name != strategy.name
    set_to_auto = mode == Mode.AUTO and strategy.execution_mode != Mode.AUTO
    why = _why_stopped(strategy) if renamed or set_to_auto else ""
    errors: dict[str, list[str]] = {}
    if why and renamed:
        errors["name"] = [f"{strategy.name} {why}, so it keeps its name. {_WAY_OUT}."]
    if why and set_to_auto:
        errors["execution_mode"] = [f"{strategy.name} {why}. {_WAY_OUT}, then set it to AUTO."]
    return errors


def check_change(strategy: Strategy, *, name: str | None = None, mode: str | None = None) -> None:
    """Raises Conflict naming the fields that a stopped strategy keeps."""
    if errors := why_not_changed(strategy, name=name, mode=mode):
        text = " ".join(text for texts in errors.values() for text in texts)
        raise Conflict(text, code="stopped", errors=errors)


def check_deletion(strategy: Strategy) -> None:
    """Raises Conflict for a stopped strategy."""
    if text := why_not_deleted(strategy):
        raise Conflict(text, code="stopped")


def _why_stopped(strategy: Strategy) -> str:
    state = policy.state_of(StateScope.STRATEGY, strategy_id=strategy.pk)
    if state is not TradingStateName.ACTIVE:
        return f"is {state}"
    breaker = open_breakers(strategy_id=strategy.pk).first()
    return f"has an open breaker ({breaker.code})" if breaker else ""
