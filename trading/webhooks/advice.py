"""The mistakes that the check of a message knows, by code. Pure."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from trading.webhooks.message import Kind


class Level(StrEnum):
    """ERROR: no order comes of it. WARNING: not as meant, or it waits. NOTE: good to know."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. `text` says what is wrong, `fix` what to do; `line` counts from 1."""

    code: str
    text: str
    fix: str
    line: int | None = None

    @property
    def level(self) -> Level:
        return LEVELS[self.code]


@dataclass(frozen=True, slots=True)
class Context:
    """What is known besides the message.

    strategies: the names known here; None when that is not to be checked. lot_of: units in a lot
    of exchange and symbol. script: the Pine script behind the alert, or "".
    """

    kind: Kind | None = None
    strategies: Collection[str] | None = None
    lot_of: Callable[[str, str], int] | None = None
    script: str = ""


NOTHING_KNOWN = Context()

_E, _W, _N = Level.ERROR, Level.WARNING, Level.NOTE

# Every code with its level: docs/tradingview.md explains each.
LEVELS: dict[str, Level] = {
    # How it is written
    "empty": _E,
    "too_long": _E,
    "smart_quotes": _E,
    "single_quotes": _E,
    "unclosed_quote": _E,
    "line_break": _E,
    "comment": _E,
    "missing_comma": _E,
    "unclosed": _E,
    "bare_word": _E,
    "python_word": _E,
    "nan": _E,
    "not_json": _E,
    "key_twice": _E,
    "trailing_comma": _W,
    "text_around": _W,
    "thousands": _W,
    # Placeholders
    "broken_placeholder": _E,
    "unknown_placeholder": _E,
    "bare_placeholder": _E,
    "strategy_placeholder": _E,
    "plot_without_script": _E,
    "unknown_plot": _E,
    "bare_number": _N,
    "unread_placeholder": _N,
    "script_message": _N,
    # What it says
    "secret_missing": _E,
    "secret_placeholder": _E,
    "secret_blanks": _E,
    "limit_without_price": _E,
    "stop_without_trigger": _E,
    "gtt_not_limit": _E,
    "other_platform": _E,
    "refused": _E,
    "not_whole_lots": _W,
    "symbol_without_exchange": _W,
    "unknown_exchange": _W,
    "continuous_future": _W,
    "delayed_feed": _W,
    "fraction": _W,
    "no_strategy": _W,
    "unknown_strategy": _W,
    "unknown_key": _W,
    "constant_alert_id": _W,
    "left_out": _W,
    "waits": _W,
    "repaints": _W,
    "no_quantity": _N,
    "no_time": _N,
    "probe": _N,
}
