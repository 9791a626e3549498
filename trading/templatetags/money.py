"""Numbers and times as Indian traders read them: lakh grouping, rupees, IST."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.numberformat import format as format_number
from django.utils.safestring import SafeString

from sigmatrader import clock

register = template.Library()

NOTHING = "–"
MINUS = "−"
_GROUPS = (3, 2, 0)  # 12,34,567
_MAX_PLACES = 4
_SIGNED_AMOUNT = re.compile(rf"[+{MINUS}]₹[\d,.]*\d")


def _decimal(value: Any) -> Decimal | None:
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _grouped(number: Decimal, places: int) -> str:
    text = format_number(
        f"{number:.{places}f}", ".", places, _GROUPS, ",", force_grouping=True, use_l10n=False
    )
    return text.replace("-", MINUS)


def _places(number: Decimal) -> int:
    """Two decimals, or as many as the number has, up to four."""
    exponent = number.normalize().as_tuple().exponent
    return min(max(2, -int(exponent)), _MAX_PLACES)


@register.filter
def inr(value: Any) -> str:
    """An amount to the paisa in lakh grouping: 1234567.5 → 12,34,567.50."""
    number = _decimal(value)
    return NOTHING if number is None else _grouped(number, 2)


@register.filter
def rupees(value: Any) -> str:
    """`inr` with the sign of the rupee: −₹1,234.50."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    return f"{_sign(number).replace('+', '')}₹{_grouped(abs(number), 2)}"


@register.filter
def price(value: Any) -> str:
    """A price with its own decimals, two at least and four at most: 2,450.10, 83.2575."""
    number = _decimal(value)
    return NOTHING if number is None else _grouped(number, _places(number))


@register.filter
def qty(value: Any) -> str:
    """A quantity in lakh grouping: 125000 → 1,25,000."""
    number = _decimal(value)
    return NOTHING if number is None else _grouped(number, 0)


def _sign(number: Decimal) -> str:
    """The sign of `number` as two decimals show it."""
    shown = round(number, 2)
    return "+" if shown > 0 else MINUS if shown < 0 else ""


@register.filter
def pnl(value: Any) -> str:
    """Profit or loss, always with its sign: +₹1,250.00, −₹300.00, ₹0.00."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    return f"{_sign(number)}₹{_grouped(abs(number), 2)}"


@register.filter
def pnl_class(value: Any) -> str:
    """The CSS class of a profit or loss: gain, loss or even."""
    number = _decimal(value)
    if not number:
        return "even"
    return "gain" if number > 0 else "loss"


@register.filter
def signed_percent(value: Any) -> str:
    """A change in percent, always with its sign: +0.42 %."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    return f"{_sign(number)}{abs(number):.2f} %"


@register.filter
def unbroken(text: str) -> SafeString:
    """A sentence in which no amount is torn from its sign at the end of a line."""
    first, *rest = _SIGNED_AMOUNT.split(text)
    amounts = zip(_SIGNED_AMOUNT.findall(text), rest, strict=True)
    return format_html(
        "{}{}", first, format_html_join("", '<span class="fact">{}</span>{}', amounts)
    )


def _local_text(moment: datetime, style: str) -> str:
    local, today = moment.astimezone(clock.IST), clock.now().astimezone(clock.IST)
    if style == "exact":
        return f"{local:%d %b %Y, %H:%M:%S}.{local.microsecond // 1000:03d}"
    if style == "time" or (style == "" and local.date() == today.date()):
        return f"{local:%H:%M:%S}"
    if style == "second":
        return f"{local:%d %b %Y, %H:%M:%S}"
    if style == "minute":
        return f"{local:%d %b, %H:%M}" if local.date() != today.date() else f"{local:%H:%M}"
    year = "" if local.year == today.year else f" {local:%Y}"
    return f"{local:%d %b}{year}, {local:%H:%M:%S}"


def _time_element(moment: datetime, text: str, extra: SafeString | str = "") -> SafeString:
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>',
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d}",
        extra,
        text,
    )


@register.filter
def ist(value: Any, style: str = "") -> SafeString | str:
    """A moment in IST as a <time> that carries the exact UTC.

    Styles: "" and "minute" leave today's date out; "time"; "second" and "exact" (with
    milliseconds) are whole.
    """
    if not isinstance(value, datetime):
        return NOTHING
    return _time_element(value, _local_text(value, style))


def span_text(span: timedelta) -> str:
    """A length of time in two units at most: 45 s, 3 m 05 s, 2 h 10 m, 3 d 4 h."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} m"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


@register.filter
def span(value: Any) -> str:
    """`span_text` of a length of time."""
    return span_text(value) if isinstance(value, timedelta) else NOTHING


@register.filter
def age(value: Any) -> SafeString | str:
    """How long ago a moment was, kept current by the page's script."""
    if not isinstance(value, datetime):
        return NOTHING
    return _time_element(
        value, span_text(clock.now() - value), format_html(' data-count="{}"', "up")
    )


@register.filter
def left(value: Any) -> SafeString | str:
    """How long it is until a moment, kept current by the page's script."""
    if not isinstance(value, datetime):
        return NOTHING
    return _time_element(
        value, span_text(value - clock.now()), format_html(' data-count="{}"', "down")
    )


@register.filter
def milliseconds(value: Any) -> str:
    """A latency: 12 ms, 1.24 s, 2 m 05 s."""
    if not isinstance(value, timedelta):
        return NOTHING
    seconds = value.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else span_text(value)
