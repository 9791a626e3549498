"""The page about TradingView explains every mistake that the check knows."""

import re
from pathlib import Path

from trading.webhooks.advice import LEVELS
from trading.webhooks.lint import DIALOG_LENGTH
from trading.webhooks.placeholders import KNOWN, is_real

PAGE = (Path(__file__).parents[2] / "docs" / "tradingview.md").read_text()


def test_every_mistake_stands_there_with_its_level():
    rows = re.findall(r"^\| `([a-z_]+)` \| (error|warning|note) \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted((code, level.lower()) for code, level in LEVELS.items())


def test_the_placeholders_and_the_length_that_it_names_are_real():
    named = set(re.findall(r"\{\{([a-z_.]+)\}\}", PAGE))
    assert named
    assert all(is_real(name) for name in named)
    assert named <= set(KNOWN)
    assert f"{DIALOG_LENGTH:,} characters" in PAGE


def test_a_refusal_of_the_webhook_is_explained_on_the_webhooks_page():
    webhook = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text()
    refusals = set(re.findall(r"^\| `([a-z_]+)` \| \d{3} \|", webhook, re.MULTILINE))
    assert "invalid_json" in refusals
    assert refusals.isdisjoint(LEVELS)
