"""manage.py whatif: the table, and what it refuses."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from brokers.accounts import ensure_paper_account
from tests.factories import StrategyFactory

pytestmark = pytest.mark.django_db

LINES = """time,strategy,symbol,action,quantity,price
2026-11-23 10:15,supertrend,NSE:INFY,BUY,150,1500
2026-11-23 10:30,,NSE:TCS,BUY,10,3800
"""


@pytest.fixture
def alerts(tmp_path: Path, db: None) -> str:
    ensure_paper_account()
    StrategyFactory(name="supertrend")
    path = tmp_path / "alerts.csv"
    path.write_text(LINES, encoding="utf-8")
    return str(path)


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("whatif", *arguments, stdout=out)
    return out.getvalue()


def test_the_table_shows_what_differs_and_the_sums(alerts: str) -> None:
    text = told("--csv", alerts, "--set", "max_quantity_per_order=100", "symbol_blacklist=TCS")
    assert "Tried in GLOBAL: max quantity per order 100 (in force: off)" in text
    assert "2026-11-23 10:15:00" in text
    assert "CLAMP 100" in text
    assert "on the symbol_blacklist" in text
    sums = [
        line.split()[:5] for line in text.splitlines() if line.startswith(("in force", "tried"))
    ]
    assert ["in", "force", "2", "0", "0"] in sums
    assert ["tried", "0", "1", "0", "1"] in sums


def test_a_strategy_s_limits_can_be_tried(alerts: str) -> None:
    arguments = ("--strategy", "supertrend", "--set", "max_quantity_per_order=100")
    assert "STRATEGY(supertrend)" in told("--csv", alerts, *arguments)


def test_stored_alerts_are_the_default(alerts: str) -> None:
    assert "in force" in told("--days", "2")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--days", "0"), "1 to 90"),
        (("--csv", "/nowhere/x.csv"), "can't be read"),
        (("--set", "max_qty=5"), "no such setting"),
        (("--set", "max_open_positions"), "name=value"),
        (("--set", "max_open_positions=x"), "max_open_positions: Write a whole number"),
        (("--set", "no_trade_windows=noon"), "is no window"),
        (("--set", "allow_short_selling=perhaps"), "true or false"),
        (("--strategy", "typo", "--set", "max_open_positions=1"), "Known: supertrend"),
        (("--strategy", "supertrend"), "add --set"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_fix(
    alerts: str, arguments: tuple[str, ...], text: str
) -> None:
    with pytest.raises(CommandError, match=text.replace("(", r"\(")):
        told(*arguments)
