"""Badges, icons and lines."""

import re
from decimal import Decimal

import pytest

from risk.engine.denials import Code
from trading.domain.order import Status
from trading.templatetags import marks


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_badge_with_its_meaning(status):
    html = marks.badge(status)
    assert f">{status.replace('_', ' ')}</span>" in html
    assert 'title=""' not in html


def test_a_word_that_is_not_ours_is_escaped():
    assert "<b>" not in marks.badge("<b>")
    assert marks.side_badge("<b>") == ""
    assert "&lt;" in marks.icon("<b>")


def test_paper_and_live_are_told_apart_by_their_word():
    assert ">PAPER<" in marks.money_badge(True)
    assert ">LIVE<" in marks.money_badge(False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100, "100"),
        ("500000", "5,00,000"),
        ("1250.5", "1,250.50"),
        (True, "on"),
        (False, "off"),
        ("NSE:INFY", "NSE:INFY"),
        (None, "None"),
    ],
)
def test_amounts_of_a_check_are_readable(value, text):
    assert marks.check_amount(value) == text


def test_a_rule_is_named_by_its_setting_or_its_code():
    assert marks.rule_name({"setting": "max_order_value", "code": "X"}) == "max order value"
    assert marks.rule_name({"setting": "hard", "code": "MODE_MISMATCH"}) == "mode mismatch"


def test_every_code_is_explained_and_an_unknown_one_is_not():
    for code in Code:
        assert marks.check_text(code) == code.text
    assert marks.check_text("NO_SUCH_CODE") == ""


def test_a_line_needs_two_values():
    assert marks.sparkline([]) == ""
    assert marks.sparkline([Decimal(0)]) == ""


def test_a_line_runs_from_edge_to_edge_and_ends_in_the_colour_of_its_end():
    html = marks.sparkline([Decimal(0), Decimal(100), Decimal(-50)])
    points = re.search(r'points="([^"]+)"', html).group(1).split()
    assert points == ["0.0,24.0", "100.0,0.0", "200.0,36.0"]
    assert "spark-loss" in html
    assert "from −₹50.00 to +₹100.00" in html


def test_a_flat_line_is_drawn_too():
    assert 'points="0.0,0.0 200.0,0.0"' in marks.sparkline([Decimal(0), Decimal(0)])
