"""Small marks of the pages: icons, and badges that say a thing in a word."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from brokers.models import BrokerConnection
from risk import settings_service
from risk.engine.denials import Code, Verdict
from risk.models import RiskSettingsChange
from trading.domain.order import Status
from trading.domain.values import Origin, Side, Variety
from trading.models import Order
from trading.templatetags.money import NOTHING, pnl, pnl_class, price

register = template.Library()

_WIDTH, _HEIGHT = 200, 36

_TONES: dict[str, str] = {
    Status.WAITING: "wait",
    Status.QUEUED: "move",
    Status.SENDING: "move",
    Status.UNKNOWN: "alarm",
    Status.SENT: "work",
    Status.PARTIALLY_EXECUTED: "work",
    Status.CANCEL_PENDING: "work",
    Status.EXECUTED: "done",
    Status.CANCELLED: "off",
    Status.EXPIRED: "off",
    Status.FAILED: "bad",
    Status.REJECTED: "bad",
    Status.REJECTED_RISK: "bad",
    "ACCEPTED": "done",
    "IGNORED": "off",
    "PASS": "done",
    "CLAMP": "wait",
    "HOLD": "work",
    "DENY": "bad",
    "ACTIVE": "done",
    "REDUCING": "wait",
    "HALTED": "alarm",
    "FIRED": "work",
    "CALENDAR": "wait",
}
_MEANINGS: dict[str, str] = {
    Status.WAITING: "In the queue: a person decides.",
    Status.QUEUED: "Will be sent: a worker takes it next.",
    Status.SENDING: "On its way to the broker.",
    Status.UNKNOWN: "The broker may or may not have it. Never sent again blindly.",
    Status.SENT: "The broker has it; nothing is filled yet.",
    Status.PARTIALLY_EXECUTED: "Some of it is filled.",
    Status.CANCEL_PENDING: "A cancel was asked for; it may still fill.",
    Status.EXECUTED: "Filled.",
    Status.CANCELLED: "Cancelled.",
    Status.EXPIRED: "Its time was over.",
    Status.FAILED: "Certainly not placed.",
    Status.REJECTED: "Refused by the broker or exchange.",
    Status.REJECTED_RISK: "Denied by your own risk settings.",
}

# By setting, or by code for the rules that have none.
_RULES: dict[str, str] = {
    Code.QUANTITY_REQUIRED: "Quantity given",
    Code.STRATEGY_DISABLED: "Strategy switched on",
    Code.MODE_MISMATCH: "Execution target",
    Code.REDUCE_ONLY: "Exit only",
    Code.REDUCING_ONLY: "Trading state",
    "off_hours": "Market hours",
    "allow_short_selling": "Short selling",
    "max_quantity_per_order": "Max quantity",
    "max_order_value": "Max value ₹",
    "symbol_whitelist": "Allowed symbols",
    "symbol_blacklist": "Blocked symbols",
    "max_open_positions": "Open positions",
    "no_new_entries_at": "Hour of entries",
    "orders_per_day": "Account's orders a day",
    Code.UNKNOWN_INSTRUMENT: "Instrument listed",
    Code.EXPIRED_INSTRUMENT: "Expiry ahead",
    Code.INDEX_NOT_TRADABLE: "No index itself",
    Code.LOT_SIZE: "Whole lots",
    Code.TICK_SIZE: "Prices on the tick",
    Code.FREEZE_QUANTITY: "Exchange's largest order",
    Code.ORDER_TYPE_POLICY: "Order type taken",
    "naked_option_sell": "Option writing",
    "price_collar": "Price near the market",
    "price_collar_options": "Option price near the market",
    "max_position_quantity": "Position units",
    "max_position_value": "Position value ₹",
    "max_gross_exposure": "Gross exposure ₹",
    "max_net_exposure": "Net exposure ₹",
    "max_working_orders": "Working orders",
    "max_working_value": "Working value ₹",
    "insufficient_margin": "Free margin",
    "strategy_budget": "Strategy's budget ₹",
    "max_daily_loss": "Daily loss ₹",
    "max_orders_per_day": "Orders a day",
    "max_trades_per_day": "Trades a day",
    "consecutive_losses": "Losses in a row",
    "duplicate_order": "Duplicate",
    "self_match": "Own order opposite",
    "pyramiding": "Entries in a position",
    "cool_down": "Pause after a trade",
    "mis_cutoff": "Intraday cut-off",
    "stale_alert": "Move since the alert",
    "stale_reference": "Age of the last price",
    "approval_threshold": "AUTO asks you over",
    "no_trade_windows": "No entries at",
    "circuit_breaker": "Refusals that stop AUTO",
    "circuit_breaker_unknown": "Unknown outcomes that stop AUTO",
    "circuit_breaker_reducing": "A breaker sets REDUCING",
    "repeated_execution": "AUTO orders that stop a strategy",
    "repeated_execution_minutes": "Within",
    "clock_skew": "Clock off: no AUTO from",
    "clock_skew_warn": "Clock off: warned from",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite; decoration, hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        static("img/icons.svg"),
        name,
    )


@register.filter
def badge(word: str) -> SafeString:
    """A status, outcome, verdict or state in its own tone."""
    return format_html(
        '<span class="badge badge-{}" title="{}">{}</span>',
        _TONES.get(word, "off"),
        _MEANINGS.get(word, ""),
        word.replace("_", " "),
    )


@register.filter
def side_badge(side: str) -> SafeString | str:
    if side not in (Side.BUY, Side.SELL):
        return ""
    return format_html('<span class="side side-{}">{}</span>', side.lower(), side)


@register.filter
def account_badge(connection: BrokerConnection) -> SafeString:
    """PAPER, LIVE or SIMULATOR: what an order of the account moves."""
    return kind_badge(connection.kind)


@register.filter
def kind_badge(kind: str) -> SafeString:
    """PAPER, LIVE or SIMULATOR."""
    return format_html('<span class="money money-{}">{}</span>', kind.lower(), kind)


@register.filter
def contract(order: Order) -> str:
    """The broker's name of the instrument where the alert calls it otherwise; else empty."""
    named = str(order.instrument)
    return "" if named in (order.symbol, order.symbol.partition(":")[2]) else named


@register.filter
def order_words(order: Order) -> str:
    """The order's kind in a trader's words: LIMIT · MIS · IOC."""
    validity = "" if order.validity == "DAY" else f" · {order.validity}"
    return f"{order.order_type} · {order.product}{validity}"


@register.filter
def order_marks(order: Order) -> SafeString:
    """What is out of the ordinary about an order: EXTERNAL, AMO, GTT."""
    marks = []
    if order.origin == Origin.EXTERNAL:
        marks.append(("external", "Placed outside SigmaTrader.", "EXTERNAL"))
    if order.variety == Variety.AMO:
        marks.append(("amo", "After-market order: the broker holds it for the next open.", "AMO"))
    if order.gtt:
        marks.append(("gtt", "Rests at the broker until its trigger price is reached.", "GTT"))
    return format_html_join(" ", '<span class="tag tag-{}" title="{}">{}</span>', marks)


@register.filter
def check_text(code: str) -> str:
    """What a risk rule's code means, in a sentence."""
    return Code[code].text if code in Code.__members__ else ""


@register.filter
def spaced(word: str) -> str:
    """A code as words: no_open_position → no open position."""
    return str(word).replace("_", " ")


@register.filter
def rule_name(check: Mapping[str, str]) -> str:
    """The rule of a risk check, as a person calls it."""
    code, setting = check.get("code", ""), check.get("setting", "")
    known = _RULES.get(setting) or _RULES.get(code)
    return known or spaced(code).capitalize()


@register.filter
def check_amount(value: object) -> str:
    """A limit or value as a risk check keeps it: a number, a word, or on and off."""
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(value)
    return price(text).removesuffix(".00") if price(text) != NOTHING else text


@register.simple_tag
def arranged(checks: Sequence[Mapping[str, object]]) -> dict[str, list[Mapping[str, object]]]:
    """Checks for a person: `first` what cuts or denies, then limits by their use; `rest` passed."""
    stops = [one for one in checks if one.get("verdict") != Verdict.PASS]
    passed = [one for one in checks if one.get("verdict") == Verdict.PASS]
    used = [one for one in passed if _use_of(one) is not None]
    used.sort(key=lambda one: _use_of(one) or 0, reverse=True)
    shown = [*stops, *used]
    return {"first": shown, "rest": [one for one in passed if one not in used]}


@register.filter
def change_text(change: RiskSettingsChange) -> str:
    """What a change of limits changed."""
    return settings_service.change_text(change)


@register.simple_tag
def use_bar(check: Mapping[str, object]) -> SafeString | str:
    """How much of a check's limit is used: a bar and its percentage, where there is a share."""
    share = _use_of(check)
    if share is None:
        return ""
    return format_html(
        '<meter class="use" min="0" max="100" low="80" high="99.99" optimum="0" value="{}"></meter>'
        ' <span class="num">{} %</span>',
        min(share, 100),
        share,
    )


def _use_of(check: Mapping[str, object]) -> int | None:
    """Percent of the check's limit that are used; a hard rule has nothing to use."""
    if check.get("setting") == "hard":
        return None
    return _share(check.get("value"), check.get("limit"))


def _share(value: object, limit: object) -> int | None:
    """Percent of the limit, rounded up half up."""
    if isinstance(value, bool) or isinstance(limit, bool):
        return None
    try:
        used, most = Decimal(str(value)), Decimal(str(limit))
    except InvalidOperation:
        return None
    if not (used.is_finite() and most.is_finite()) or most <= 0 or used < 0:
        return None
    return int((100 * used / most).to_integral_value(rounding=ROUND_HALF_UP))


@register.simple_tag
def sparkline(values: Sequence[Decimal]) -> SafeString | str:
    """A line through the values, with a line at zero; nothing for fewer than two."""
    if len(values) < 2:
        return ""
    numbers = [float(value) for value in values]  # for drawing alone
    low, high = min(*numbers, 0.0), max(*numbers, 0.0)
    span = (high - low) or 1.0
    step = _WIDTH / (len(numbers) - 1)
    points = " ".join(
        f"{place * step:.1f},{_HEIGHT * (high - number) / span:.1f}"
        for place, number in enumerate(numbers)
    )
    zero = f"{_HEIGHT * high / span:.1f}"
    return format_html(
        '<svg class="spark spark-{}" viewBox="0 -2 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="P&amp;L over {} trades, from {} to {}">'
        '<line x1="0" y1="{}" x2="{}" y2="{}"/><polyline points="{}"/></svg>',
        pnl_class(numbers[-1]),
        _WIDTH,
        _HEIGHT + 4,
        len(numbers) - 1,
        pnl(low),
        pnl(high),
        zero,
        _WIDTH,
        zero,
        points,
    )
