"""Pictures of money: to scale, named, escaped, with tips, and without styles of their own."""

import re
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.web.svg_charts import Bar, CurvePoint, Stretch, Words, columns, counts, curve, rows

WORDS = Words("P&L", "What it shows.")
AMOUNTS = st.decimals(-(10**9), 10**9, places=2, allow_nan=False, allow_infinity=False)


def bars_of(*values) -> list[Bar]:
    return [Bar(f"d{place}", Decimal(value), f"tip {value}") for place, value in enumerate(values)]


def drawn(svg: str, tone: str) -> list[tuple[float, float, float, float]]:
    """Of each column: left, where it begins, width, height (negative goes up)."""
    paths = [one.attrib["d"] for one in ET.fromstring(svg).iter("path") if one.get("class") == tone]
    found = re.findall(r"M([\d.]+) ([\d.]+)v(-?[\d.]+)h([\d.]+)V[\d.]+Z", "".join(paths))
    return [(float(x), float(y), float(width), float(up)) for x, y, up, width in found]


def test_profits_stand_on_zero_and_losses_hang_from_it():
    svg = columns(WORDS, bars_of(300, -150, 0))
    ((_, zero, _, up),) = drawn(svg, "plot-gain")
    ((_, below, _, down),) = drawn(svg, "plot-loss")
    assert zero == below
    assert up < 0 < down
    assert -up == pytest.approx(2 * down, abs=0.2)


def test_a_picture_says_what_it_is_to_who_cannot_see_it():
    svg = ET.fromstring(columns(WORDS, bars_of(1)))
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == svg.find("title").text == "P&L"
    assert svg.find("desc").text == "What it shows."


def test_each_column_tells_its_value_where_it_stands():
    svg = ET.fromstring(columns(WORDS, bars_of(300, 0, -150)))
    places = [one for one in svg.iter("rect") if one.find("title") is not None]
    assert [one.find("title").text for one in places] == ["tip 300", "tip 0", "tip -150"]
    assert [float(one.attrib["x"]) for one in places] == pytest.approx([0, 333.3, 666.7])


def test_what_is_neither_profit_nor_loss_has_a_tone_of_its_own():
    svg = columns(WORDS, bars_of(300), tone="plain")
    assert len(drawn(svg, "plot-plain")) == 1
    assert drawn(svg, "plot-gain") == []


def test_a_histogram_names_the_bounds_between_its_columns():
    svg = counts(WORDS, bars_of(3, 5, 2), ["10 ms", "20 ms"])
    names = [one for one in ET.fromstring(svg).iter("text") if one.get("class") == "plot-x"]
    assert [(one.text, one.attrib["x"]) for one in names] == [
        ("10 ms", "33.33%"),
        ("20 ms", "66.67%"),
    ]
    assert len(drawn(svg, "plot-plain")) == 3


def test_names_that_would_run_into_each_other_are_left_out():
    many = [Bar(f"{place} Nov", Decimal(1), "") for place in range(90)]
    svg = columns(WORDS, many)
    assert 5 <= svg.count("<text") - svg.count("plot-y") <= 10
    assert "plot-fine" in svg
    assert "plot-fine" not in columns(WORDS, bars_of(1, 2, 3, 4, 5))


def test_rows_go_right_of_zero_for_a_profit_and_left_for_a_loss():
    svg = ET.fromstring(rows(WORDS, bars_of(200, -100), str))
    gain, loss = (
        next(one for one in svg.iter("rect") if one.get("class") == tone)
        for tone in ("plot-gain", "plot-loss")
    )
    zero = svg.find("line").attrib["x1"]
    left, width = (float(loss.attrib[name].strip("%")) for name in ("x", "width"))
    assert gain.attrib["x"] == zero
    assert left + width == pytest.approx(float(zero.strip("%")), abs=0.02)
    assert float(gain.attrib["width"].strip("%")) == pytest.approx(2 * width, abs=0.02)


def test_a_long_name_is_cut_and_its_tip_is_whole():
    svg = rows(WORDS, [Bar("A name that has no end at all", Decimal(1), "the whole name")], str)
    assert ">A name that has no end …<" in svg
    assert "the whole name" in svg


def points(*totals) -> list[CurvePoint]:
    """A curve through `totals`, evenly spaced, with its own drawdown."""
    highest, found = Decimal(0), []
    for place, total in enumerate(totals):
        highest = max(highest, Decimal(total))
        share = Decimal(place) / max(len(totals) - 1, 1)
        found.append(CurvePoint(share, Decimal(total), highest - Decimal(total)))
    return found


def absolute(path: str) -> list[tuple[int, int]]:
    """The points of a path of one move and relative lines."""
    numbers = [tuple(map(int, pair.split())) for pair in re.findall(r"[Ml](-?\d+ -?\d+)", path)]
    found = [numbers[0]]
    for x, y in numbers[1:]:
        found.append((found[-1][0] + x, found[-1][1] + y))
    return found


def test_a_curve_goes_through_its_points_and_the_fall_is_shaded():
    svg = ET.fromstring(curve(WORDS, points(0, 100, 50, 100), [], []))
    below, line = (one.attrib["d"] for one in svg.iter("path"))
    assert absolute(line) == [(0, 1000), (333, 0), (667, 500), (1000, 0)]
    assert absolute(below) == [
        (0, 1000),
        (333, 0),
        (1000, 0),
        (1000, 0),
        (667, 500),
        (333, 0),
        (0, 1000),
    ]


def test_a_stretch_of_a_curve_tells_its_value():
    stretch = Stretch(Decimal("0.25"), Decimal("0.75"), "a week")
    (place,) = ET.fromstring(curve(WORDS, points(0, 1), [stretch], [])).iter("rect")
    assert (place.attrib["x"], place.attrib["width"]) == ("250", "500")
    assert place.find("title").text == "a week"


def test_texts_are_escaped_and_nothing_is_styled_in_place():
    hostile = '<b onclick="x">&'
    words, bar = Words(hostile, hostile), Bar(hostile, Decimal(1), hostile)
    pictures = (
        columns(words, [bar]),
        counts(words, [bar], [hostile]),
        rows(words, [bar], lambda _: hostile),
        curve(words, points(0, 1), [Stretch(Decimal(0), Decimal(1), hostile)], []),
    )
    for svg in pictures:
        assert "<b" not in svg
        assert "style=" not in svg
        assert ET.fromstring(svg).find("title").text == hostile


@given(st.lists(AMOUNTS, min_size=1, max_size=70))
def test_whatever_the_values_nothing_stands_outside(values):
    svg = columns(WORDS, bars_of(*values))
    for left, foot, width, up in drawn(svg, "plot-gain") + drawn(svg, "plot-loss"):
        assert left >= 0
        assert left + width <= 1000.1
        assert -0.1 <= foot + up <= 1000.1
    line = ET.fromstring(curve(WORDS, points(*values), [], []))
    for path in line.iter("path"):
        assert all(0 <= x <= 1000 and 0 <= y <= 1000 for x, y in absolute(path.attrib["d"]))
