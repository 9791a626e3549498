"""The figures of the analytics that show how values are spread: slippage and latency."""

from datetime import timedelta
from decimal import Decimal

from trading.analytics import Report
from trading.domain.performance import Bucket, Distribution
from trading.templatetags.money import MINUS, milliseconds, qty, rupees
from trading.web.figure import Figure, Table
from trading.web.svg_charts import Bar, Words, counts
from trading.web.svg_scale import short_rupees

_SECOND = 1000
_NO_SLIPPAGE = "Nothing to show: no order that was filled here had a price in its alert."
_NO_LATENCY = "Nothing to show: no order of these was sent by SigmaTrader."
_ADVERSE = " Above zero: worse than the alert's price."


def spread_figures(report: Report) -> list[Figure]:
    """Slippage in bps and in rupees, and each latency. Empty without a trade or an order sent."""
    found = [report.slippage, report.slippage_rupees, *report.latency.values()]
    if not report.summary.trades and not any(found):
        return []
    figures = [
        _figure("slippage", "Slippage in bps", report.slippage, _NO_SLIPPAGE, _ADVERSE),
    ]
    if report.slippage_rupees is not None:
        figures.append(
            _figure("slippage-rupees", "Slippage in ₹", report.slippage_rupees, "", _ADVERSE)
        )
    if not report.latency:
        figures.append(_figure("latency", "Latency", None, _NO_LATENCY))
    for place, (name, spread) in enumerate(report.latency.items()):
        figures.append(_figure(f"latency-{place}", f"Latency, {name}", spread, _NO_LATENCY))
    return figures


def _figure(
    key: str, title: str, spread: Distribution | None, without: str, more: str = ""
) -> Figure:
    if spread is None or not spread.count:
        return Figure(key, title, without, "", Table((), ()))
    unit = spread.unit
    lead = (
        f"Half of {qty(spread.count)} order{'' if spread.count == 1 else 's'} at "
        f"{value_text(spread.median, unit)} or less, 95 in 100 at "
        f"{value_text(spread.p95, unit)} or less.{more}"
    )
    bars = [
        Bar("", Decimal(bucket.count), f"{_name(bucket, unit)}: {qty(bucket.count)}")
        for bucket in spread.buckets
    ]
    edges = [_short(bucket.high, unit) for bucket in spread.buckets[:-1] if bucket.high is not None]
    table = Table(
        ("Between", "Orders", "Share"),
        [
            (
                _name(bucket, unit),
                qty(bucket.count),
                f"{Decimal(100 * bucket.count) / spread.count:.1f} %",
            )
            for bucket in spread.buckets
        ],
    )
    return Figure(key, title, lead, counts(Words(title, lead), bars, edges), table)


def _name(bucket: Bucket, unit: str) -> str:
    if bucket.low is None:
        return "All" if bucket.high is None else f"Below {value_text(bucket.high, unit)}"
    if bucket.high is None:
        return f"{value_text(bucket.low, unit)} or more"
    return f"{value_text(bucket.low, unit)} to {value_text(bucket.high, unit)}"


def value_text(value: Decimal, unit: str) -> str:
    """A value with its unit: −1.5 bps, ₹12.50, 350 ms, 1.20 s, 2 m 05 s."""
    if unit == "₹":
        return rupees(value)
    if unit == "ms":
        return milliseconds(timedelta(milliseconds=round(value)))
    tenths = round(value, 1) or Decimal("0.0")  # nor −0.0
    return f"{tenths:f} {unit}".replace("-", MINUS)


def _short(value: Decimal, unit: str) -> str:
    """The same for an axis."""
    if unit == "₹":
        return short_rupees(value)
    if unit == "ms":
        size, name = (_SECOND, "s") if value >= _SECOND else (1, "ms")
        return f"{(value / size).normalize():f} {name}"
    return f"{value.normalize():f}".replace("-", MINUS)
