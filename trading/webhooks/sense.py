"""What a message says, and what would become of it: the part of the check behind the JSON. Pure."""

import json
import re
from datetime import datetime

from trading.domain import signal as words
from trading.domain.signal import Signal
from trading.webhooks import payload, placeholders
from trading.webhooks.advice import Context, Finding
from trading.webhooks.keys import NAMES
from trading.webhooks.layers import SPELLINGS, Layers
from trading.webhooks.message import SECRET_PLACEHOLDER
from trading.webhooks.payload import Document, Ignored, Probe, Rejection
from trading.webhooks.secret import BLANK
from trading.webhooks.text import shown
from trading.webhooks.written import Written

_CONTINUOUS = re.compile(r".+[1-9]!")
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


def meaning(message: Written, now: datetime, context: Context) -> list[Finding]:
    try:
        document = payload.read(message.filled(now).encode("utf-8", "replace"))
    except Rejection as rejection:
        mistake = "key_twice" if rejection.code == "duplicate_keys" else "not_json"
        return [
            Finding(mistake, text, "Compare it with the builder's message.")
            for text in texts(rejection)
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


def texts(rejection: Rejection) -> list[str]:
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
            near = None if key in known else placeholders.nearest(key, NAMES, likeness=0.85)
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
        mistake = _OWN_CODES.get(text)
        if mistake is None:
            mistake = "waits" if text in meaning.person_reasons else "left_out"
        waits = "The order would wait for a person, whatever the strategy says."
        found.append(
            Finding(
                mistake,
                text,
                _FIXES.get(mistake)
                or (waits if mistake == "waits" else "Mend this value, or leave it out."),
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
