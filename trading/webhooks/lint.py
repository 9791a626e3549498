"""What is wrong with a message before TradingView sends it, each with its fix. Pure.

The last word has the reader of real alerts: what it would refuse or set aside is always found.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from trading.webhooks import payload, placeholders
from trading.webhooks.advice import NOTHING_KNOWN, Context, Finding, Level
from trading.webhooks.message import Kind
from trading.webhooks.payload import Rejection
from trading.webhooks.sense import meaning, texts
from trading.webhooks.slips import written
from trading.webhooks.text import UNSTORABLE, shown
from trading.webhooks.written import Written

# What the Message field of TradingView's dialog holds; alert() in a script takes ten times that.
DIALOG_LENGTH = 4000
_SCRIPT_TEXTS = frozenset(
    {"strategy.order.alert_message", "strategy.order.comment", "strategy.order.id"}
)
_PLOTTED = re.compile(
    r"\bplot\w*\s*\((?:[^()]|\([^()]*\))*?(?:title\s*=\s*)(?P<quote>[\"'])(?P<title>.*?)(?P=quote)"
    r"|\bplot\w*\s*\((?:[^(),\"']|\([^()]*\))+,\s*(?P<quote2>[\"'])(?P<second>.*?)(?P=quote2)"
)
_EVERY_TICK = re.compile(
    r"alert\.freq_(?:all|once_per_bar)\b(?!_close)|calc_on_every_tick\s*=\s*true"
)


@dataclass(frozen=True, slots=True)
class Report:
    """Errors first. `mended`: the message with its slips mended; None if none was, or could be."""

    findings: tuple[Finding, ...]
    mended: str | None = None

    @property
    def worst(self) -> Level | None:
        return min((one.level for one in self.findings), key=list(Level).index, default=None)


def lint(text: str, now: datetime, context: Context = NOTHING_KNOWN) -> Report:
    """What a person should know of the message `text`. `now`: UTC."""
    if not text.strip():
        return Report(
            (Finding("empty", "The message is empty.", "Paste the builder's message into it."),)
        )
    text = _opened(text)
    message = written(text)
    findings = [*_length(text), *message.findings, *_placeholders(message, context)]
    whole = placeholders.FOUND.fullmatch(text.strip())
    if whole is not None and whole["name"] in _SCRIPT_TEXTS:
        findings.append(
            Finding(
                "script_message",
                "The whole message is what the script writes.",
                "Check the script's text here as well, with its values filled in.",
            )
        )
    else:
        findings += meaning(message, now, context) if message.readable else []
        if all(one.level is not Level.ERROR for one in findings):
            findings += _last_word(text, now)
    findings += _repainting(context)
    findings.sort(key=lambda one: list(Level).index(one.level))
    changed = message.readable and message.template != text.strip()
    return Report(tuple(findings), message.template if changed else None)


def _opened(text: str) -> str:
    """`text`, or the JSON inside when it is one JSON string as a whole."""
    if not text.lstrip().startswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    # Half a character, as \ud800 makes one, can't be shown.
    return UNSTORABLE.sub("\ufffd", value) if isinstance(value, str) else text


def _last_word(text: str, now: datetime) -> list[Finding]:
    """What the webhook would refuse of the message as it stands, though it looked right."""
    try:
        payload.interpret(payload.read(placeholders.fill(text, now).encode("utf-8", "replace")))
    except Rejection as rejection:
        fix = "Compare it with the builder's message."
        return [Finding("refused", said, fix) for said in texts(rejection)]
    return []


def _length(text: str) -> list[Finding]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size <= DIALOG_LENGTH:
        return []
    where = "Shorten it; a script's alert() takes up to 16 KiB here."
    return [
        Finding(
            "too_long",
            f"TradingView's Message field ends at {DIALOG_LENGTH:,} characters, "
            f"and this has {size:,}.",
            where,
        )
    ]


def _placeholders(message: Written, context: Context) -> list[Finding]:
    found: list[Finding] = []
    names = list(dict.fromkeys(message.names))
    of_strategies = [name for name in names if name.startswith(placeholders.STRATEGY)]
    if of_strategies and context.kind in (Kind.INDICATOR, Kind.DRAWING):
        found.append(
            Finding(
                "strategy_placeholder",
                f"{{{{{of_strategies[0]}}}}} is filled in only by an alert on a strategy script.",
                "Write BUY or SELL and a number instead, or make the alert on a strategy.",
            )
        )
    plots = [name for name in names if placeholders.is_plot(name)]
    if plots and context.kind is Kind.DRAWING:
        found.append(
            Finding(
                "plot_without_script",
                f"{{{{{plots[0]}}}}} needs a script: a drawing or a price has no plots.",
                "Write a number, or use {{close}}.",
            )
        )
    return found + (_plots(plots, context.script) if context.script.strip() else [])


def _plots(names: list[str], script: str) -> list[Finding]:
    titles = {match["title"] or match["second"] for match in _PLOTTED.finditer(script)}
    found = []
    for name in names:
        title = placeholders.plot_title(name)
        if title is None or title in titles:
            continue
        near = placeholders.nearest(title, titles)
        fix = f"Did you mean {shown(near)}?" if near else f'Add plot(…, "{title}") to the script.'
        found.append(
            Finding("unknown_plot", f"The script plots nothing called {shown(title)}.", fix)
        )
    return found[:1]


def _repainting(context: Context) -> list[Finding]:
    found = _EVERY_TICK.search(context.script)
    if found is None:
        return []
    return [
        Finding(
            "repaints",
            f"The script has {found.group()}: it may fire on a signal that is gone when the bar "
            "closes.",
            "Use alert.freq_once_per_bar_close, and “Once Per Bar Close” in the alert's dialog.",
        )
    ]
