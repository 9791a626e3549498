"""What is wrong with a message before TradingView sends it, each with its fix. Pure.

The last word has the reader of real alerts: what it would refuse or set aside is always found.
"""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from trading.domain import signal as words
from trading.domain.signal import Signal
from trading.webhooks import payload, placeholders
from trading.webhooks.advice import Finding, Level
from trading.webhooks.keys import NAMES
from trading.webhooks.layers import SPELLINGS, Layers
from trading.webhooks.message import SECRET_PLACEHOLDER, Kind
from trading.webhooks.payload import Document, Ignored, Probe, Rejection
from trading.webhooks.secret import BLANK
from trading.webhooks.slips import written
from trading.webhooks.text import shown
from trading.webhooks.written import Written

# What the Message field of TradingView's dialog holds; alert() in a script takes ten times that.
DIALOG_LENGTH = 4000
_SCRIPT_TEXTS = frozenset(
    {"strategy.order.alert_message", "strategy.order.comment", "strategy.order.id"}
)
_CONTINUOUS = re.compile(r".+[1-9]!")
_PLOTTED = re.compile(
    r"\bplot\w*\s*\((?:[^()]|\([^()]*\))*?(?:title\s*=\s*)(?P<quote>[\"'])(?P<title>.*?)(?P=quote)"
    r"|\bplot\w*\s*\((?:[^(),\"']|\([^()]*\))+,\s*(?P<quote2>[\"'])(?P<second>.*?)(?P=quote2)"
)
_EVERY_TICK = re.compile(
    r"alert\.freq_(?:all|once_per_bar)\b(?!_close)|calc_on_every_tick\s*=\s*true"
)

_OWN_CODES = {
    words.FEED_DELAYED: "delayed_feed",
    words.QUANTITY_FRACTIONAL: "fraction",
    words.QUANTITY_MISSING: "no_quantity",
}
_FIXES = {
    "delayed_feed": "Subscribe to the exchange's real-time data on TradingView, or trade by hand.",
    "fraction": "Send whole units: math.floor() in Pine.",
    "no_quantity": "That is right for an exit, or with sizing set in the strategy here; otherwise "
    "the order waits for a person to fill it in.",
}


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


@dataclass(frozen=True, slots=True)
class Report:
    """Errors first. `mended`: the message with its slips mended; None if none was, or could be."""

    findings: tuple[Finding, ...]
    mended: str | None = None

    @property
    def worst(self) -> Level | None:
        return min((one.level for one in self.findings), key=list(Level).index, default=None)

    def of(self, level: Level) -> list[Finding]:
        return [one for one in self.findings if one.level is level]


def lint(text: str, now: datetime, context: Context = Context()) -> Report:
    """What a person should know of the message `text`. `now`: UTC."""
    if not text.strip():
        return Report(
            (Finding("empty", "The message is empty.", "Paste the builder's message into it."),)
        )
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
    elif message.readable:
        findings += _meaning(message, now, context)
    findings += _repainting(context)
    findings.sort(key=lambda one: list(Level).index(one.level))
    changed = message.readable and message.template != text.strip()
    return Report(tuple(findings), message.template if changed else None)


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


# -- what the message says -----------------------------------------------------------------------


def _meaning(message: Written, now: datetime, context: Context) -> list[Finding]:
    try:
        document = payload.read(message.filled(now).encode("utf-8", "replace"))
    except Rejection as rejection:
        code = "duplicate_keys" if rejection.code == "duplicate_keys" else "invalid_json"
        return [
            Finding(code, text, "Compare it with the builder's message.")
            for text in _texts(rejection)
        ]
    template = Layers(json.loads(message.kept(), parse_float=str, parse_int=str))
    filled = Layers(document.data)
    found = [*_secret(document), *_keys(document.data), *_understood(document, filled, message)]
    if any(one.code in ("probe", "other_platform") for one in found):
        return found
    return [
        *found,
        *_strategy(filled, context),
        *_symbol(template),
        *_lots(template, context),
        *_identity(template, message),
    ]


def _texts(rejection: Rejection) -> list[str]:
    return [text for texts in rejection.errors.values() for text in texts]


def _secret(document: Document) -> list[Finding]:
    fix = "Copy it from the settings page, or let the builder fill it in."
    presented = payload.presented_secrets(document, None)
    if not any(presented):
        return [Finding("secret_missing", "The message has no secret: it would be refused.", fix)]
    for secret in presented:
        if secret is None or secret == BLANK:
            continue
        if secret == SECRET_PLACEHOLDER or "{{" in secret:
            return [Finding("secret_placeholder", f"{shown(secret)} is not your secret.", fix)]
        if secret != "".join(secret.split()):
            return [Finding("secret_blanks", "The secret has blanks in or around it.", fix)]
    return []


def _keys(data: dict[str, object]) -> list[Finding]:
    """Keys that are not read and look like one that is."""
    found = []
    known = {*NAMES, *SPELLINGS}
    for part in (data, *(value for value in data.values() if isinstance(value, dict))):
        for key in part:
            near = None if key in known else placeholders.nearest(key, NAMES)
            if near is not None and near not in part:
                found.append(
                    Finding(
                        "unknown_key",
                        f"{shown(key)} is a name that nothing reads.",
                        f'Did you mean "{near}"?',
                    )
                )
    return found


def _understood(document: Document, filled: Layers, message: Written) -> list[Finding]:
    """What the reader of alerts would say."""
    try:
        meaning = payload.interpret(document)
    except Rejection as rejection:
        return [
            _refusal(path, text)
            for path, texts in rejection.errors.items()
            for text in texts
            if "was not filled in" not in text or not message.findings
        ]
    if isinstance(meaning, Probe):
        return [
            Finding("probe", "This is a connection test: it makes no order.", "Nothing to mend.")
        ]
    if isinstance(meaning, Ignored):
        return [
            Finding(
                "other_platform",
                "The message names another platform, so it is stored and makes no order.",
                "Leave platform out, or write TRADINGVIEW.",
            )
        ]
    return _set_aside(meaning, filled)


def _refusal(path: str, text: str) -> Finding:
    name = path.rpartition(".")[2]
    missing = text.startswith("is missing")
    if name in ("price", "limit_price") and missing:
        code, fix = "limit_without_price", 'Add "price": "{{close}}", or use MARKET.'
    elif name == "trigger_price" and missing:
        code, fix = "stop_without_trigger", "Add a trigger_price, such as a plot of the script."
    elif name == "gtt":
        code, fix = "gtt_not_limit", "Use order_type LIMIT with gtt, or leave gtt out."
    else:
        code, fix = "refused", "Mend this value, or build the message anew."
    return Finding(code, f"{path} {text}", fix)


def _set_aside(meaning: Signal, filled: Layers) -> list[Finding]:
    found = []
    for text in dict.fromkeys((*meaning.person_reasons, *meaning.warnings)):
        if text == words.EXCHANGE_UNKNOWN:
            found.append(_exchange(meaning))
            continue
        code = _OWN_CODES.get(text)
        if code is None:
            code = "waits" if text in meaning.person_reasons else "left_out"
        waits = "The order would wait for a person, whatever the strategy says."
        found.append(
            Finding(
                code,
                text,
                _FIXES.get(code)
                or (waits if code == "waits" else "Mend this value, or leave it out."),
            )
        )
    return found


def _exchange(meaning: Signal) -> Finding:
    fix = 'Write "{{exchange}}:{{ticker}}", or NSE:INFY with one of NSE, BSE, NFO, BFO, MCX, CDS.'
    if not meaning.exchange:
        return Finding(
            "symbol_without_exchange",
            f"{shown(meaning.symbol)} names no exchange: the order waits for a person.",
            fix,
        )
    return Finding(
        "unknown_exchange",
        f"Orders can't go to {shown(meaning.exchange)}: the order waits for a person.",
        fix,
    )


def _strategy(filled: Layers, context: Context) -> list[Finding]:
    given = filled.find_in("signal.", "strategy_id") or filled.find("strategy_name", "strategy")
    if given is None:
        return [
            Finding(
                "no_strategy",
                "The message names no strategy: its orders wait for a person.",
                'Add "strategy_name" with the name of a strategy here.',
            )
        ]
    name = str(given.value).strip()
    if context.strategies is None or name in context.strategies:
        return []
    near = placeholders.nearest(name, context.strategies)
    return [
        Finding(
            "unknown_strategy",
            f"There is no strategy called {shown(name)} here: its orders wait for a person.",
            f"Did you mean {shown(near)}?" if near else "Add it in the admin under this very name.",
        )
    ]


def _symbol(template: Layers) -> list[Finding]:
    given = template.find("symbol", "ticker")
    if given is None or not _CONTINUOUS.fullmatch(str(given.value).strip()):
        return []
    return [
        Finding(
            "continuous_future",
            f"{shown(given.value)} is a continuous future: it stands for another contract each "
            "month, and the order waits for a person.",
            "Name the contract, such as NIFTYZ2026, or switch on “continuous futures” in the "
            "strategy.",
        )
    ]


def _lots(template: Layers, context: Context) -> list[Finding]:
    quantity = template.find("quantity", "qty", "order_contracts")
    symbol = template.find("symbol", "ticker")
    if context.lot_of is None or quantity is None or symbol is None:
        return []
    units, name = str(quantity.value).strip(), str(symbol.value).strip().upper()
    if not units.isascii() or not units.isdecimal() or len(units) > 10 or "{{" in name:
        return []
    exchange, _, ticker = name.rpartition(":")
    given = template.find("exchange")
    lot = context.lot_of(exchange or (str(given.value) if given else ""), ticker)
    if lot <= 1 or int(units) % lot == 0:
        return []
    below = int(units) // lot * lot
    choices = [str(one) for one in (below, below + lot) if one]
    return [
        Finding(
            "not_whole_lots",
            f"{ticker} trades in lots of {lot}, and {units} is no whole number of lots: such an "
            "order is not sent.",
            f"Use {' or '.join(choices)}.",
        )
    ]


def _identity(template: Layers, message: Written) -> list[Finding]:
    own = template.find("alert_id", "id")
    if own is not None:
        if message.names and "{{" not in str(own.value):
            return [
                Finding(
                    "constant_alert_id",
                    f"Every alert would carry the id {shown(own.value)}: only the first makes an "
                    "order.",
                    "Add a placeholder that differs, such as {{timenow}}, or leave the id out.",
                )
            ]
        return []
    if template.find("timenow", "bar_time", "timestamp") is not None:
        return []
    return [
        Finding(
            "no_time",
            "The message has no time: two with the same text soon after each other count as one.",
            'Add "timenow": "{{timenow}}".',
        )
    ]
