"""Orders, facts and limits to judge: a plain case, and whatever a test says differently."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from risk.engine.denials import Code, Verdict
from risk.engine.evaluate import Check, Decision
from risk.engine.limits import Limits
from risk.engine.snapshot import (
    AccountFacts,
    DayFacts,
    InstrumentFacts,
    Intent,
    MarginFacts,
    OpenPosition,
    RecentOrder,
    ScopeState,
    Snapshot,
    WorkingOrder,
)
from trading.domain.values import (
    ExecutionTarget,
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


def account(**different: Any) -> AccountFacts:
    """A healthy account: nothing open, nothing working, and everything about it is known."""
    fields: dict[str, Any] = {
        "day": a_day(),
        "margin": MarginFacts(available=Decimal(100_000), required=Decimal(1_000)),
        "clock_skew": Decimal("0.1"),
    }
    return AccountFacts(**{**fields, **different})


def a_day(pnl: object = 0, **different: Any) -> DayFacts:
    return DayFacts(realised=Decimal(str(pnl)), unrealised=Decimal(0), **different)


def share(**different: Any) -> InstrumentFacts:
    """A share as the day's list has it."""
    fields: dict[str, Any] = {
        "listed": True,
        "kind": "EQ",
        "segment": "EQUITY",
        "lot_size": 1,
        "tick_size": Decimal("0.05"),
    }
    return InstrumentFacts(**{**fields, **different})


def option(**different: Any) -> InstrumentFacts:
    """A NIFTY option as the day's list has it, in lots of 65."""
    fields: dict[str, Any] = {
        "listed": True,
        "kind": "CE",
        "segment": "DERIVATIVES",
        "underlying": "NIFTY",
        "of_index": True,
        "expiry": date(2026, 3, 26),
        "lot_size": 65,
        "tick_size": Decimal("0.05"),
    }
    return InstrumentFacts(**{**fields, **different})


def open_position(quantity: int = 0, symbol: str = "NSE:INFY", **different: Any) -> OpenPosition:
    """A share's position in MIS, worth 100 a unit."""
    exchange, _, tradingsymbol = symbol.partition(":")
    fields: dict[str, Any] = {
        "exchange": exchange,
        "tradingsymbol": tradingsymbol,
        "product": Product.MIS,
        "underlying": "",
        "segment": "EQUITY",
        "kind": "EQ",
        "quantity": quantity,
        "price": Decimal(100),
    }
    return OpenPosition(**{**fields, **different})


def working_order(side: Side = Side.SELL, price: object = 100, **different: Any) -> WorkingOrder:
    """A LIMIT order of 10 NSE:INFY that works, of the same strategy; MARKET without a price."""
    fields: dict[str, Any] = {
        "order_id": 50,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": Product.MIS,
        "side": side,
        "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
        "quantity": 10,
        "price": None if price is None else Decimal(str(price)),
        "value": Decimal(1000),
        "reduce_only": False,
        "strategy_id": 7,
    }
    return WorkingOrder(**{**fields, **different})


def sent_lately(
    seconds: int, side: Side = Side.BUY, quantity: int = 10, **different: Any
) -> RecentOrder:
    """An order of the strategy for NSE:INFY, sent so many seconds ago."""
    fields: dict[str, Any] = {
        "order_id": 40,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": Product.MIS,
        "side": side,
        "quantity": quantity,
        "automatic": True,
        "at": NOW - timedelta(seconds=seconds),
    }
    return RecentOrder(**{**fields, **different})


def live(**different: Any) -> Intent:
    """An AUTO order of a live strategy, to be sent at MARKET."""
    fields: dict[str, Any] = {
        "mode": Mode.AUTO,
        "simulated": False,
        "strategy_target": ExecutionTarget.LIVE,
    }
    return order(**{**fields, **different})


def live_facts(position: int = 0, **different: Any) -> Snapshot:
    """A healthy live connection with a last price of 100."""
    fields: dict[str, Any] = {
        "connection_simulated": False,
        "last_price": Decimal(100),
        "last_price_at": NOW - timedelta(seconds=1),
        "account": account(),
        "instrument": share(),
    }
    return facts(position, **{**fields, **different})


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
