"""Random values of every setting, for tests by property."""

from hypothesis import strategies as st

from risk.models import WHOLE_LIMITS, no_trade_windows
from risk.settings_values import GLOBAL_ONLY, MONEY, SETTINGS, SWITCHES
from tests.risk.test_windows import WINDOWS

AMOUNTS = st.decimals("0.0001", "99999999999.9999", places=4)
SYMBOLS = st.lists(st.sampled_from(["NSE:INFY", "TCS", "BSE:SBIN", "M&M"]), unique=True)


def _values_of(name):
    if name in WHOLE_LIMITS:
        return st.none() | st.integers(1, 10**9)
    if name in MONEY:
        return st.none() | AMOUNTS
    if name in SWITCHES:
        return st.booleans()
    if name == "clamp_mode":
        return st.sampled_from(["CLAMP", "REJECT"])
    if name == "no_trade_windows":
        return WINDOWS.map(no_trade_windows)
    return SYMBOLS


def _tidy(values):
    white, black = values.get("symbol_whitelist", []), values.get("symbol_blacklist", [])
    if "symbol_blacklist" in values:
        values["symbol_blacklist"] = [entry for entry in black if entry not in white]
    return values


GLOBAL_VALUES = st.fixed_dictionaries({name: _values_of(name) for name in SETTINGS}).map(_tidy)
STRATEGY_VALUES = st.fixed_dictionaries(
    {name: _values_of(name) for name in SETTINGS if name not in GLOBAL_ONLY}
).map(_tidy)
SOME_VALUES = st.fixed_dictionaries(
    {},
    optional={name: _values_of(name) for name in SETTINGS if not name.startswith("symbol_")},
)
