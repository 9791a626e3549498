"""Badges, icons and lines."""

import re
from decimal import Decimal

import pytest

from brokers.models import BrokerConnection, ConnectionKind
from risk.engine.denials import Code
from risk.engine.rules import RULES
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


@pytest.mark.parametrize("kind", ConnectionKind)
def test_the_kinds_of_account_are_told_apart_by_their_word(kind):
    badge = marks.account_badge(BrokerConnection(kind=kind))
    assert f">{kind}<" in badge
    assert f"money-{kind.lower()}" in badge


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


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.setting}")
def test_every_rule_has_a_plain_name_of_its_own(rule):
    names = [marks.rule_name({"setting": one.setting, "code": one.code}) for one in RULES]
    name = marks.rule_name({"setting": rule.setting, "code": rule.code})
    assert names.count(name) == 1
    assert name != marks.spaced(rule.code).capitalize()


def test_a_rule_of_another_version_is_named_by_its_code():
    assert marks.rule_name({"setting": "no_longer", "code": "OLD_RULE"}) == "Old rule"


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
