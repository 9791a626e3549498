"""Orders, facts and limits of every kind, drawn at random; and what makes limits stricter."""

from dataclasses import fields, replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from risk.engine.denials import Code
from risk.engine.limits import Limits, Window
from risk.engine.snapshot import (
    AccountFacts,
    DayFacts,
    InstrumentFacts,
    MarginFacts,
    MarketFacts,
    OpenBreaker,
    StrategyFacts,
)
from tests.risk.cases import (
    NOW,
    account,
    everything_is,
    facts,
    global_limits,
    open_position,
    order,
    sent_lately,
    strategy_limits,
    working_order,
)
from trading.domain.values import (
    ClampMode,
    ExecutionTarget,
    Mode,
    OrderType,
    Product,
    Side,
    TradingStateName,
    Validity,
)

known_prices = st.decimals("0.05", "5000", places=2)
prices = st.none() | known_prices
rupees = st.decimals("1", "500000", places=2)
plenty = st.decimals("1000", "5000000", places=2)
few = st.integers(0, 200)
moments = st.integers(-120, 120).map(lambda minutes: NOW + timedelta(minutes=minutes))
states = st.sampled_from(TradingStateName).map(everything_is)
_symbols = st.lists(st.sampled_from(["NSE:INFY", "INFY", "BSE:INFY", "TCS"]), max_size=2).map(tuple)

intents = st.builds(
    order,
    st.sampled_from(Side),
    few,
    exchange=st.sampled_from(["NSE", "NSE", "NFO", "MCX", ""]),
    order_type=st.sampled_from(OrderType),
    product=st.sampled_from([Product.MIS, Product.CNC]),
    price=prices,
    trigger_price=prices,
    reference_price=prices,
    mode=st.sampled_from(Mode),
    simulated=st.booleans(),
    reduce_only=st.booleans(),
    lot_size=st.sampled_from([0, 1, 1, 5, 75]),
    multiplier=st.sampled_from([Decimal(1), Decimal(10)]),
    strategy_id=st.sampled_from([7, 7, None]),
    strategy_enabled=st.booleans(),
    strategy_target=st.none() | st.sampled_from(ExecutionTarget),
    validity=st.sampled_from(Validity),
    gtt=st.booleans(),
)
# Orders that no hard rule stops: whole lots of what no list knows, on paper.
sound_intents = st.builds(
    lambda lots, lot_size, **different: order(
        quantity=lots * lot_size, lot_size=lot_size, **different
    ),
    st.integers(1, 60),
    st.sampled_from([1, 1, 5]),
    side=st.sampled_from(Side),
    order_type=st.sampled_from([OrderType.MARKET, OrderType.LIMIT]),
    product=st.sampled_from([Product.MIS, Product.CNC]),
    price=known_prices,
    reference_price=known_prices,
    multiplier=st.sampled_from([Decimal(1), Decimal(10)]),
    mode=st.sampled_from(Mode),
    strategy_id=st.sampled_from([7, 7, None]),
)


def _positions(worth: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Up to three positions whose last prices are drawn from `worth`."""
    one = st.builds(
        open_position,
        st.integers(-200, 200),
        st.sampled_from(["NSE:INFY", "NSE:TCS", "NFO:INFY", "BSE:INFY"]),
        product=st.sampled_from([Product.MIS, Product.CNC]),
        underlying=st.sampled_from(["", "INFY"]),
        segment=st.sampled_from(["EQUITY", "DERIVATIVES", ""]),
        working_buy=few,
        working_sell=few,
        price=worth,
    )
    return st.lists(one, max_size=3, unique_by=lambda one: one.key).map(tuple)


_working = st.builds(
    working_order,
    st.sampled_from(Side),
    prices,
    strategy_id=st.sampled_from([7, 8, None]),
    value=st.none() | rupees,
    order_type=st.sampled_from(OrderType),
)
_days = st.builds(
    DayFacts,
    realised=st.none() | st.decimals("-900", "900", places=2),
    unrealised=st.none() | st.decimals("-900", "900", places=2),
    orders=st.integers(0, 9),
    trades=st.integers(0, 9),
    losses_in_a_row=st.integers(0, 9),
)
accounts = st.builds(
    AccountFacts,
    positions=_positions(prices),
    working=st.lists(_working, max_size=3).map(tuple),
    day=_days,
    margin=st.builds(
        MarginFacts, available=st.none() | rupees, required=st.none() | rupees, reserved=rupees
    ),
    breakers=st.sampled_from(
        [(), (OpenBreaker(code=Code.CIRCUIT_BREAKER, reason="Refusals", since=NOW),)]
    ),
    doubt=st.sampled_from(["", "Not read since 10:50"]),
    clock_skew=st.none() | st.decimals("-5", "5", places=1),
    sent_today=st.integers(0, 9),
    orders_per_day=st.none() | st.integers(1, 12),
    has_prices=st.booleans(),
)
_instruments = st.builds(
    InstrumentFacts,
    listed=st.sampled_from([None, True, False]),
    kind=st.sampled_from(["", "EQ", "FUT", "CE", "INDEX"]),
    segment=st.sampled_from(["", "EQUITY", "DERIVATIVES"]),
    underlying=st.sampled_from(["", "INFY"]),
    of_index=st.booleans(),
    expiry=st.sampled_from([None, date(2026, 3, 3), date(2026, 3, 26)]),
    lot_size=st.sampled_from([None, 1, 5, 75]),
    tick_size=st.sampled_from([None, Decimal("0.05")]),
    freeze_quantity=st.none() | st.integers(1, 200),
    lower_circuit=prices,
    upper_circuit=prices,
)
_markets = st.builds(
    MarketFacts,
    covered=st.booleans(),
    open=st.booleans(),
    square_off_at=st.none() | moments,
    no_new_entries_at=st.none() | moments,
)
_strategies = st.builds(
    StrategyFacts,
    day=_days,
    capital=st.none() | rupees,
    entries=st.integers(0, 4),
    last_exit_at=st.none() | st.integers(0, 90).map(lambda s: NOW - timedelta(seconds=s)),
)
_recent = st.lists(
    st.builds(sent_lately, st.integers(0, 60), st.sampled_from(Side), few), max_size=2
).map(tuple)
_always = {
    "holding_quantity": few,
    "working_buy_quantity": few,
    "working_sell_quantity": few,
    "open_instruments": st.frozensets(
        st.sampled_from(["NSE:INFY|MIS", "NSE:INFY|CNC", "NSE:TCS|MIS", "BSE:INFY|MIS"])
    ),
    "last_price": prices,
    "last_price_at": st.none() | st.integers(0, 60).map(lambda s: NOW - timedelta(seconds=s)),
    "account": accounts,
    "strategy": _strategies,
}
snapshots = st.builds(
    facts,
    st.integers(-200, 200),
    states=states,
    session_ok=st.booleans(),
    unresolved_unknown=st.booleans(),
    connection_simulated=st.booleans(),
    instrument=_instruments,
    market=_markets,
    recent=_recent,
    **_always,
)
# Facts by which no hard rule stops a sound order: no duplicate, and every price is known.
sound_snapshots = st.builds(
    facts,
    st.integers(-200, 200),
    instrument=st.sampled_from(
        [
            InstrumentFacts(kind="EQ", segment="EQUITY"),
            InstrumentFacts(kind="FUT", segment="DERIVATIVES", underlying="INFY"),
        ]
    ),
    **{
        **_always,
        "last_price": known_prices,
        "account": st.builds(account, positions=_positions(known_prices)),
        "strategy": st.builds(StrategyFacts, capital=rupees),
    },
)


_SWITCHES = {"allow_short_selling": False, "naked_option_sell": False, "self_match": True}
# More of it is stricter.
_LONGER = {"duplicate_order", "cool_down", "insufficient_margin", "mis_cutoff"}
_TEXTS = {"scope", "label"}

settings: dict[str, st.SearchStrategy[Any]] = {
    **{name: st.sampled_from([None, True, False]) for name in _SWITCHES},
    "clamp_mode": st.sampled_from([ClampMode.CLAMP, ClampMode.CLAMP, ClampMode.REJECT]),
    "symbol_whitelist": _symbols,
    "symbol_blacklist": _symbols,
    "no_trade_windows": st.sampled_from([(), (), (Window(time(11), time(12)),)]),
    "max_quantity_per_order": st.none() | st.integers(1, 200),
    "max_position_quantity": st.none() | st.integers(1, 900),
    "max_open_positions": st.none() | st.integers(1, 4),
    **dict.fromkeys(
        (
            "max_working_orders",
            "max_orders_per_day",
            "max_trades_per_day",
            "consecutive_losses",
            "pyramiding",
        ),
        st.none() | st.integers(1, 9),
    ),
    **dict.fromkeys(("duplicate_order", "cool_down", "mis_cutoff"), st.none() | st.integers(1, 90)),
    **dict.fromkeys(
        (
            "max_order_value",
            "max_position_value",
            "max_gross_exposure",
            "max_net_exposure",
            "max_working_value",
            "strategy_budget",
            "approval_threshold",
        ),
        st.none() | plenty,
    ),
    "max_daily_loss": st.none() | st.decimals("1", "900", places=2),
    **dict.fromkeys(
        ("price_collar", "price_collar_options", "insufficient_margin", "stale_alert"),
        st.none() | st.none() | st.decimals("0.5", "99", places=1),
    ),
    "stale_reference": st.none() | st.integers(1, 60),
    "clock_skew": st.none() | st.decimals("0.5", "5", places=1),
}
assert set(settings) | _TEXTS | {
    "circuit_breaker",
    "circuit_breaker_unknown",
    "circuit_breaker_reducing",
    "repeated_execution",
    "repeated_execution_minutes",
    "clock_skew_warn",
} == {field.name for field in fields(Limits)}


@st.composite
def scopes(draw: st.DrawFn, names: frozenset[str] = frozenset(settings)) -> tuple[Limits, Limits]:
    """GLOBAL's and the strategy's limits, of which only a few of `names` are set at once."""
    chosen = draw(st.lists(st.sampled_from(sorted(names)), max_size=6, unique=True))
    drawn = {name: (draw(settings[name]), draw(settings[name])) for name in chosen}
    return (
        global_limits(**{name: values[0] for name, values in drawn.items()}),
        strategy_limits(**{name: values[1] for name, values in drawn.items()}),
    )


@st.composite
def tightened(draw: st.DrawFn, loose: Limits) -> Limits:
    """The same limits, or stricter ones in a few settings."""
    chosen = draw(st.lists(st.sampled_from(sorted(settings)), max_size=4, unique=True))
    changes = {name: _stricter(name, getattr(loose, name), draw(settings[name])) for name in chosen}
    return replace(loose, **changes)


def _stricter(setting: str, current: Any, drawn: Any) -> Any:
    if setting in _SWITCHES:
        return drawn if drawn is _SWITCHES[setting] else current
    if setting == "clamp_mode":
        return drawn if drawn is ClampMode.REJECT else current
    if setting in ("symbol_blacklist", "no_trade_windows"):
        return current + drawn
    if setting == "symbol_whitelist":
        return current or drawn
    known = [value for value in (current, drawn) if value is not None]
    return (max if setting in _LONGER else min)(known, default=None)
