"""Orders, facts and limits to judge: a plain case, and whatever a test says differently."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from risk.engine.denials import Code, Verdict
from risk.engine.evaluate import Check, Decision
from risk.engine.limits import Limits
from risk.engine.snapshot import Intent, ScopeState, Snapshot
from trading.domain.values import (
    Mode,
    OrderType,
    Product,
    RiskScope,
    Side,
    StateScope,
    TradingStateName,
)

NOW = datetime(2026, 3, 4, 5, 30, tzinfo=UTC)


def order(side: Side = Side.BUY, quantity: int = 10, **different: Any) -> Intent:
    """A MANUAL paper MARKET order for NSE:INFY in MIS, alert price 100."""
    exchange = different.pop("exchange", "NSE")
    tradingsymbol = different.pop("tradingsymbol", "INFY")
    fields: dict[str, Any] = {
        "order_id": 1,
        "side": side,
        "quantity": quantity,
        "order_type": OrderType.MARKET,
        "product": Product.MIS,
        "symbol": f"{exchange}:{tradingsymbol}" if exchange else tradingsymbol,
        "exchange": exchange,
        "tradingsymbol": tradingsymbol,
        "price": None,
        "trigger_price": None,
        "reference_price": Decimal(100),
        "strategy_id": 7,
        "strategy_name": "supertrend",
        "mode": Mode.MANUAL,
        "simulated": True,
        "connection_id": 1,
        "reduce_only": False,
    }
    return Intent(**{**fields, **different})


def facts(position: int = 0, **different: Any) -> Snapshot:
    """A healthy paper connection; a position is held in NSE:INFY MIS unless said otherwise."""
    fields: dict[str, Any] = {
        "now": NOW,
        "position_quantity": position,
        "working_buy_quantity": 0,
        "working_sell_quantity": 0,
        "open_instruments": frozenset({"NSE:INFY|MIS"} if position else ()),
        "last_price": None,
        "last_price_at": None,
        "states": (),
        "session_ok": True,
        "session_error": "",
        "unresolved_unknown": False,
        "connection_simulated": True,
    }
    return Snapshot(**{**fields, **different})


def global_limits(**different: Any) -> Limits:
    return Limits(scope=RiskScope.GLOBAL, label="GLOBAL", **different)


def strategy_limits(**different: Any) -> Limits:
    return Limits(scope=RiskScope.STRATEGY, label="STRATEGY(supertrend)", **different)


def everything_is(state: TradingStateName, reason: str = "") -> tuple[ScopeState, ...]:
    return (
        ScopeState(scope=StateScope.EVERYTHING, label="everything", state=state, reason=reason),
    )


def check_of(decision: Decision, code: Code, scope: RiskScope = RiskScope.GLOBAL) -> Check:
    """The only check with that code and scope."""
    (check,) = [c for c in decision.checks if (c.code, c.scope) == (code, scope)]
    return check


def denials(decision: Decision) -> set[Code]:
    return {check.code for check in decision.checks if check.verdict is Verdict.DENY}
