"""Pictures of money and counts: columns, bars in rows, a curve. SVG by classes alone.

Widths are percentages and letters have the page's size, so that a picture is readable at any
width; its height is the style sheet's (`plot-…`). A tip shows while the pointer rests on a value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from trading.templatetags.money import qty
from trading.web.svg_scale import Scale, scale_of, short_rupees

_MOST_LABELS, _MOST_LETTERS = 10, 32
_HALF, _HUNDREDTH = Decimal("0.5"), Decimal("0.01")
_COLUMN_SHARE, _WIDEST_COLUMN = Decimal("0.72"), Decimal(9)
_BUCKET_SHARE = Decimal("0.94")
_ROW, _ROW_BAR, _ROW_TEXT = 42, 22, 14
_LONGEST_NAME = 24
_UNITS = 1000

Point = tuple[Decimal, Decimal]  # a place from 0 to 1 and an amount


@dataclass(frozen=True, slots=True)
class Words:
    """What a picture is called, and what it shows in a sentence, for who can't see it."""

    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One value with the name below it and the text that shows on pointing at it."""

    label: str
    value: Decimal
    tip: str


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The sum at a place from 0 to 1 along the picture, and how far it is below its highest."""

    place: Decimal
    total: Decimal
    below: Decimal


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a curve from one place to another, with the text that shows on pointing at it."""

    start: Decimal
    end: Decimal
    tip: str


def columns(words: Words, bars: Sequence[Bar], tone: str = "") -> SafeString:
    """Rupees as columns: profits up from zero, losses down. `tone` is for what is neither."""
    scale = scale_of(bar.value for bar in bars)
    step = _step(bars)
    drawn = _columns(
        bars, scale, lambda value: tone or _tone(value), min(step * _COLUMN_SHARE, _WIDEST_COLUMN)
    )
    names = [(step * (place + _HALF), bar.label) for place, bar in enumerate(bars)]
    return _plot(words, _grid(scale, short_rupees), drawn, _labels(names))


def counts(words: Words, bars: Sequence[Bar], edges: Sequence[str]) -> SafeString:
    """How often: a column for each bucket; `edges` are the bounds between the buckets."""
    scale = scale_of((bar.value for bar in bars), whole=True)
    step = _step(bars)
    drawn = _columns(bars, scale, lambda _: "plain", step * _BUCKET_SHARE)
    marks = [(step * (place + 1), text) for place, text in enumerate(edges)]
    return _plot(words, _grid(scale, qty), drawn, _labels(marks))


def rows(words: Words, bars: Sequence[Bar], text: Callable[[Decimal], str]) -> SafeString:
    """Rupees as bars to the right of zero or to the left, each below its name and `text`."""
    scale = scale_of(bar.value for bar in bars)
    zero = scale.place(Decimal(0)) * 100
    line = format_html(
        '<line class="plot-zero" x1="{0}" x2="{0}" y1="0" y2="100%"/>', _percent(zero)
    )
    parts = []
    for place, bar in enumerate(bars):
        at = scale.place(bar.value) * 100
        top = place * _ROW
        parts.append(
            (
                bar.tip,
                top,
                _ROW,
                top + _ROW_TEXT,
                _cut(bar.label),
                top + _ROW_TEXT,
                text(bar.value),
                _tone(bar.value),
                _percent(min(at, zero)),
                top + _ROW_BAR,
                _percent(abs(at - zero)),
            )
        )
    drawn = format_html_join(
        "",
        '<g><title>{}</title><rect class="plot-hit" y="{}" width="100%" height="{}"/>'
        '<text class="plot-name" y="{}">{}</text>'
        '<text class="plot-value" x="100%" y="{}">{}</text>'
        '<rect class="plot-{}" x="{}" y="{}" width="{}" height="10"/></g>',
        parts,
    )
    return format_html(
        '<svg class="plot-rows" height="{}" role="img" aria-label="{}"><title>{}</title>'
        "<desc>{}</desc>{}{}</svg>",
        len(bars) * _ROW,
        words.title,
        words.title,
        words.description,
        line,
        drawn,
    )


def curve(
    words: Words,
    points: Sequence[CurvePoint],
    stretches: Sequence[Stretch],
    marks: Sequence[tuple[Decimal, str]],
) -> SafeString:
    """A running sum in rupees, with the way down from its highest shaded.

    `marks` are places from 0 to 1 with the text below them.
    """
    peaks = _corners([(point.place, point.total + point.below) for point in points])
    line = [(point.place, point.total) for point in points]
    scale = scale_of(value for _, value in (*peaks, *line))
    drawn = format_html(
        '<path class="plot-below" d="{}Z"/><path class="plot-curve" d="{}"/>',
        _path([*peaks, *reversed(line)], scale),
        _path(line, scale),
    )
    labels = _labels([(place * 100, text) for place, text in marks])
    inner = _inner(drawn, stretches)
    return _plot(words, _grid(scale, short_rupees), inner, labels, extra=" plot-tall")


def _plot(
    words: Words, grid: SafeString, drawn: SafeString, labels: SafeString, *, extra: str = ""
) -> SafeString:
    return format_html(
        '<svg class="plot{}" role="img" aria-label="{}"><title>{}</title><desc>{}</desc>'
        "{}{}{}</svg>",
        extra,
        words.title,
        words.title,
        words.description,
        grid,
        drawn,
        labels,
    )


def _grid(scale: Scale, text: Callable[[Decimal], str]) -> SafeString:
    """A line at each mark, with its number to the left of the picture."""
    return format_html_join(
        "",
        '<line class="{}" x2="100%" y1="{}" y2="{}"/><text class="plot-y" x="-6" y="{}">{}</text>',
        (
            ("plot-grid" if mark else "plot-zero", *[_percent(scale.down(mark))] * 3, text(mark))
            for mark in scale.marks
        ),
    )


def _columns(
    bars: Sequence[Bar],
    scale: Scale,
    tone: Callable[[Decimal], str],
    width: Decimal,
) -> SafeString:
    """A column for each bar that has a value, `width` percent wide; of one tone all in one path.

    The whole height answers to the pointer.
    """
    step = _step(bars)
    zero = scale.down(Decimal(0))
    paths: dict[str, list[str]] = {}
    for place, bar in enumerate(bars):
        if bar.value:
            left = step * (place + _HALF) - width / 2
            corner = f"M{_units(left)} {_units(zero)}"
            height = _units(scale.down(bar.value) - zero)
            across = _units(width)
            path = f"{corner}v{height}h{across}V{_units(zero)}Z"
            paths.setdefault(tone(bar.value), []).append(path)
    drawn = format_html_join(
        "",
        '<path class="plot-{}" d="{}"/>',
        ((name, "".join(some)) for name, some in sorted(paths.items())),
    )
    tips = [
        Stretch(step * place / 100, step * (place + 1) / 100, bar.tip)
        for place, bar in enumerate(bars)
        if bar.tip
    ]
    return _inner(drawn, tips)


def _inner(drawn: SafeString, tips: Sequence[Stretch]) -> SafeString:
    """What is drawn to fill the picture, `_UNITS` wide and high, with the tips above it.

    How high their places are, all of it, is in the style sheet: it is said once.
    """
    hits = format_html_join(
        "",
        '<rect x="{}" width="{}"><title>{}</title></rect>',
        ((_units(100 * one.start), _units(100 * (one.end - one.start)), one.tip) for one in tips),
    )
    return format_html(
        '<svg width="100%" height="100%" viewBox="0 0 {0} {0}" preserveAspectRatio="none">'
        '{1}<g class="plot-hit">{2}</g></svg>',
        _UNITS,
        drawn,
        hits,
    )


def _step(bars: Sequence[Bar]) -> Decimal:
    """The width that one of the bars has, in percent."""
    return Decimal(100) / max(len(bars), 1)


def _labels(marks: Sequence[tuple[Decimal, str]]) -> SafeString:
    """Texts below the picture, as many as have room; on a narrow one every second goes."""
    every = -(-len(marks) // _MOST_LABELS) or 1
    shown = marks[::every]
    crowded = sum(len(text) for _, text in shown) > _MOST_LETTERS
    return format_html_join(
        "",
        '<text class="plot-x{}" x="{}" y="100%" dy="1.4em">{}</text>',
        (
            (" plot-fine" if crowded and place % 2 else "", _percent(at), text)
            for place, (at, text) in enumerate(shown)
        ),
    )


def _tone(value: Decimal) -> str:
    return "loss" if value < 0 else "gain"


def _corners(points: Sequence[Point]) -> list[Point]:
    """The points without those in the middle of a level stretch."""
    return [
        point
        for place, point in enumerate(points)
        if not (0 < place < len(points) - 1)
        or points[place - 1][1] != point[1]
        or points[place + 1][1] != point[1]
    ]


def _path(points: Sequence[Point], scale: Scale) -> str:
    """A line through `points`, written from each to the next, in whole units."""
    found, before = "", None
    for place, value in points:
        x, y = round(place * _UNITS), round(scale.down(value) * _UNITS / 100)
        found += f"M{x} {y}" if before is None else f"l{x - before[0]} {y - before[1]}"
        before = (x, y)
    return found


def _units(percent: Decimal) -> str:
    """Percent of the inner picture as its units, as short as can be."""
    text = f"{percent * _UNITS / 100:.1f}"
    return text.removesuffix(".0")


def _percent(number: Decimal) -> str:
    return f"{number.quantize(_HUNDREDTH).normalize():f}%"


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
