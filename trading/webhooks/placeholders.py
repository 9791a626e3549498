"""TradingView's placeholders: which there are, what they give, what a person meant. Pure."""

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

# Anything that stands in double braces, closed or not, short enough to be meant as one.
FOUND = re.compile(r"\{\{(?P<name>(?:plot\(\"[^\"\n]{0,60}\"\)|[^{}\n\"]){0,80})\}\}")
_PLOT_NUMBER = re.compile(r"plot_(?P<number>[0-9]{1,2})")
_PLOT_TITLE = re.compile(r'plot\("(?P<title>[^"\n]+)"\)')
PLOTS = 20
STRATEGY = "strategy."


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`sample`: what TradingView may put in its place. `number`: whether that is a number."""

    name: str
    meaning: str
    sample: str
    number: bool = False

    @property
    def text(self) -> str:
        return "{{" + self.name + "}}"

    @property
    def of_strategies(self) -> bool:
        """Filled in only by alerts on a strategy script."""
        return self.name.startswith(STRATEGY)


KNOWN: dict[str, Placeholder] = {
    one.name: one
    for one in (
        Placeholder("ticker", "the symbol without its exchange", "INFY"),
        Placeholder("exchange", "the exchange; NSE_DLY where the data is delayed", "NSE"),
        Placeholder("interval", "the chart's interval, such as 5 or 1D", "5"),
        Placeholder("open", "the bar's open", "1495.50", number=True),
        Placeholder("high", "the bar's high", "1502", number=True),
        Placeholder("low", "the bar's low", "1494.20", number=True),
        Placeholder("close", "the bar's last price", "1500", number=True),
        Placeholder("volume", "the bar's volume", "125000", number=True),
        Placeholder("time", "when the bar began, in UTC", "2026-11-23T09:45:00Z"),
        Placeholder("timenow", "when the alert fired, in UTC", "2026-11-23T09:45:01Z"),
        Placeholder("syminfo.currency", "the symbol's currency", "INR"),
        Placeholder("syminfo.basecurrency", "a pair's first currency", "USD"),
        Placeholder("strategy.order.action", "buy or sell", "buy"),
        Placeholder("strategy.order.contracts", "the order's quantity", "10", number=True),
        Placeholder("strategy.order.price", "the price of its fill", "1500", number=True),
        Placeholder("strategy.order.id", "what the script calls the order", "Long"),
        Placeholder("strategy.order.comment", "the order's comment, else its id", "Long"),
        Placeholder("strategy.order.alert_message", "what the script gives as alert_message", ""),
        Placeholder("strategy.position_size", "units held after it", "10", number=True),
        Placeholder("strategy.market_position", "long, flat or short after it", "long"),
        Placeholder("strategy.market_position_size", "the same size", "10", number=True),
        Placeholder("strategy.prev_market_position", "long, flat or short before it", "flat"),
        Placeholder("strategy.prev_market_position_size", "units before it", "0", number=True),
    )
}
_PLOT_SAMPLE = "1500"


def is_plot(name: str) -> bool:
    """Whether `name` is a value that the script plots, by number or by title."""
    numbered = _PLOT_NUMBER.fullmatch(name)
    if numbered is not None:
        return int(numbered["number"]) < PLOTS
    return _PLOT_TITLE.fullmatch(name) is not None


def plot_title(name: str) -> str | None:
    """The title of plot("title")."""
    found = _PLOT_TITLE.fullmatch(name)
    return None if found is None else found["title"]


def is_real(name: str) -> bool:
    """Whether TradingView fills in {{name}}."""
    return name in KNOWN or is_plot(name)


def is_number(name: str) -> bool:
    return is_plot(name) or (name in KNOWN and KNOWN[name].number)


def nearest(name: str, known: Collection[str] = KNOWN, *, likeness: float = 0.75) -> str | None:
    """The name of `known` that was probably meant; at `likeness` 1 none but itself."""
    plain = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.strip().lower(), plain, n=1, cutoff=likeness)
    return plain[close[0]] if close else None


def sample_of(name: str, now: datetime) -> str:
    """What TradingView may write for the real placeholder `name` at `now`."""
    if name in ("time", "timenow"):
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return KNOWN[name].sample if name in KNOWN else _PLOT_SAMPLE


def fill(text: str, now: datetime, values: Mapping[str, str] | None = None) -> str:
    """`text` with its real placeholders filled in, as TradingView does: by mere replacement.

    `values`: by name, before the samples. What is no placeholder stays as it is. `now`: UTC.
    """
    given = values or {}

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name in given:
            return given[name]
        return sample_of(name, now) if is_real(name) else match.group()

    return FOUND.sub(value, text)
