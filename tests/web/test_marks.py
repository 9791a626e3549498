"""Badges, icons and lines."""

import re
from decimal import Decimal

import pytest

from brokers.models import BrokerConnection, ConnectionKind
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
