"""Pictures drawn by the server: to scale, named, escaped, and without styles of their own."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.web.svg import Series, legend, stacked_bars


def bars(svg: str) -> list[ET.Element]:
    return ET.fromstring(svg).findall("rect")


def test_series_stand_on_each_other_and_end_at_the_sum() -> None:
    svg = stacked_bars("Two", ["a"], [Series("Yes", "pass", [6]), Series("No", "deny", [4])])
    lower, upper = bars(svg)
    ratio = float(lower.attrib["height"]) / float(upper.attrib["height"])
    assert ratio == pytest.approx(1.5, rel=0.01)
    foot = float(upper.attrib["y"]) + float(upper.attrib["height"])
    assert foot == pytest.approx(float(lower.attrib["y"]), abs=0.2)
    assert upper[0].text == "a: no 4"


def test_pictures_side_by_side_have_the_same_scale() -> None:
    (alone,) = bars(stacked_bars("One", ["a"], [Series("Yes", "pass", [5])]))
    (beside,) = bars(stacked_bars("One", ["a"], [Series("Yes", "pass", [5])], highest=100))
    assert float(beside.attrib["height"]) < float(alone.attrib["height"]) / 5


def test_texts_are_escaped_and_nothing_is_styled_in_place() -> None:
    hostile = '<b onclick="x">&'
    svg = stacked_bars(hostile, [hostile], [Series(hostile, "pass", [1])])
    assert "<b" not in svg + legend([Series(hostile, "pass", [])])
    assert "style=" not in svg
    assert ET.fromstring(svg).find("title").text == hostile


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=90))
def test_whatever_the_values_the_bars_stay_inside(values: list[tuple[int, int]]) -> None:
    series = [Series(str(n), "pass", [one[n] for one in values]) for n in (0, 1)]
    svg = stacked_bars("Any", [str(n) for n in range(len(values))], series)
    for bar in bars(svg):
        x, y = float(bar.attrib["x"]), float(bar.attrib["y"])
        assert x >= 0
        assert y >= 0
        assert x + float(bar.attrib["width"]) <= 600
        assert y + float(bar.attrib["height"]) <= 220.1
    assert svg.count("chart-text-middle") <= 8
