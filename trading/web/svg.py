"""Pictures that the server draws: SVG by classes alone, with a title, beside a table of the data.

Colours and sizes of letters are in the style sheet (`chart-…`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH, _HEIGHT = 600, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 6, 12, 32
_WIDEST_BAR = 56
_MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the bars: what it is called, its `tone` (the end of its class), its values."""

    name: str
    tone: str
    values: Sequence[int]


def stacked_bars(
    title: str, labels: Sequence[str], series: Sequence[Series], *, highest: int = 0
) -> SafeString:
    """Bars over `labels`, the series on top of each other from the bottom up.

    `highest` makes pictures side by side comparable: the scale reaches it at least. Values are
    not negative.
    """
    sums = [sum(values) for values in zip(*(one.values for one in series), strict=True)]
    top = _round_up(max([highest, 1, *sums]))
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "<title>{}</title>{}{}{}</svg>",
        _WIDTH,
        _HEIGHT,
        title,
        title,
        _scale(top),
        _bars(labels, series, top),
        _labels(labels),
    )


def legend(series: Sequence[Series]) -> SafeString:
    """What the colours mean, in words."""
    items = format_html_join(
        "",
        '<li><span class="chart-key chart-{}"></span>{}</li>',
        ((one.tone, one.name) for one in series),
    )
    return format_html('<ul class="chart-legend">{}</ul>', items)


def _scale(top: int) -> SafeString:
    """Lines at nothing, the half and the top, with their numbers."""
    marks = sorted({0, top // 2, top})
    return format_html_join(
        "",
        '<line class="chart-line" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="chart-text chart-text-end" x="{}" y="{}">{}</text>',
        (
            (_LEFT, _WIDTH - _RIGHT, _y(mark, top), _y(mark, top), _LEFT - 6, _y(mark, top), mark)
            for mark in marks
        ),
    )


def _bars(labels: Sequence[str], series: Sequence[Series], top: int) -> SafeString:
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    width = min(step * 0.72, _WIDEST_BAR)
    parts = []
    for place, label in enumerate(labels):
        below = 0
        for one in series:
            value = one.values[place]
            if value:
                x = _LEFT + step * (place + 0.5) - width / 2
                y = _y(below + value, top)
                height = f"{float(_y(below, top)) - float(y):.1f}"
                tip = f"{label}: {one.name.lower()} {value}"
                parts.append((one.tone, f"{x:.1f}", y, f"{width:.1f}", height, tip))
            below += value
    return format_html_join(
        "",
        '<rect class="chart-bar chart-{}" x="{}" y="{}" width="{}" height="{}">'
        "<title>{}</title></rect>",
        parts,
    )


def _labels(labels: Sequence[str]) -> SafeString:
    """The names below the bars, as many as have room."""
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    every = -(-len(labels) // _MOST_LABELS) or 1
    return format_html_join(
        "",
        '<text class="chart-text chart-text-middle" x="{}" y="{}">{}</text>',
        (
            (f"{_LEFT + step * (place + 0.5):.1f}", _HEIGHT - 10, label)
            for place, label in enumerate(labels)
            if place % every == 0
        ),
    )


def _y(value: int, top: int) -> str:
    room = _HEIGHT - _TOP - _BOTTOM
    return f"{_TOP + room * (1 - value / top):.1f}"


def _round_up(value: int) -> int:
    """The next even number that is easy to read: 2, 4, 6, 8, 10, 20, 40 …"""
    size = 1
    while value > 10 * size:
        size *= 10
    for step in (2, 4, 6, 8, 10):
        if value <= step * size:
            return step * size
    return 10 * size
