"""Small marks of the pages: icons, and badges that say a thing in a word."""

from collections.abc import Sequence
from decimal import Decimal

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from brokers.models import BrokerConnection
from trading.domain.order import Status
from trading.domain.values import OrderType, Origin, Side, Variety
from trading.models import Order
from trading.templatetags.money import pnl, pnl_class, price

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
    "NOTICES": "wait",
    "LIMIT": "wait",
    "LIMIT REACHED": "bad",
    "WORKER": "alarm",
    "LOGIN": "bad",
    "DRIFT": "bad",
    "EXPIRY": "wait",
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
def order_prices(order: Order) -> str:
    """The prices that the order names: “at ₹1,467.50, trigger ₹1,470.00”; empty at market."""
    named = []
    if order.price is not None and OrderType(order.order_type).needs_price:
        named.append(f"at ₹{price(order.price)}")
    if order.trigger_price is not None:
        named.append(f"trigger ₹{price(order.trigger_price)}")
    return ", ".join(named)


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
def spaced(word: str) -> str:
    """A code as words: no_open_position → no open position."""
    return str(word).replace("_", " ")


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
