"""What the demo is given before it starts: a day of its own, a folder of its own."""

import os
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sigmatrader.demo import environment
from sigmatrader.demo.environment import CannotStart
from trading.domain.session import IST
from trading.domain.shipped_calendar import COVERED_UNTIL

FRIDAY_EVENING = datetime(2026, 11, 20, 18, 0, tzinfo=IST)


def day_of(session) -> date:
    return session.opens_at.astimezone(IST).date()


def test_the_day_is_the_next_one_on_which_the_market_opens():
    session = environment.choose_session(FRIDAY_EVENING)
    assert session.opens_at == datetime(2026, 11, 23, 9, 15, tzinfo=IST)


def test_a_kept_demo_goes_on_after_its_last_day_and_over_a_holiday():
    assert day_of(environment.choose_session(FRIDAY_EVENING, date(2026, 11, 23))) == date(
        2026, 11, 25
    )


def test_past_the_calendar_it_is_the_calendars_last_day():
    later = datetime(2031, 5, 1, tzinfo=UTC)
    assert day_of(environment.choose_session(later)) == COVERED_UNTIL
    with pytest.raises(CannotStart, match="without --keep"):
        environment.choose_session(later, COVERED_UNTIL)


def test_a_fresh_start_empties_the_folder_and_a_kept_one_does_not(tmp_path: Path):
    folder = tmp_path / "demo"
    environment.prepare_folder(folder, FRIDAY_EVENING, keep=False)
    (folder / "logs").mkdir()
    (folder / "sigmatrader.sqlite3").write_text("yesterday's")
    session = environment.prepare_folder(folder, FRIDAY_EVENING, keep=True)
    assert day_of(session) == date(2026, 11, 25)
    assert (folder / "sigmatrader.sqlite3").exists()
    session = environment.prepare_folder(folder, FRIDAY_EVENING, keep=False)
    assert day_of(session) == date(2026, 11, 23)
    assert [path.name for path in folder.iterdir()] == [environment.MARKER]


def test_a_folder_in_use_is_left_alone(tmp_path: Path):
    environment.prepare_folder(tmp_path, FRIDAY_EVENING, keep=False)
    (tmp_path / "supervisor.pid").write_text(str(os.getpid()))
    with pytest.raises(CannotStart, match=f"process {os.getpid()}"):
        environment.prepare_folder(tmp_path, FRIDAY_EVENING, keep=False)


def test_every_value_of_the_broker_points_at_this_machine():
    parser = ArgumentParser()
    environment.add_arguments(parser)
    values = environment.settings_of(parser.parse_args(["--broker-port", "8123"]), 12.5)
    assert values["ST_ZERODHA_API_ROOT"] == "http://127.0.0.1:8123"
    assert values["ST_ZERODHA_LOGIN_URL"].startswith("http://127.0.0.1:8123/")
    assert values["ST_CLOCK_OFFSET_SECONDS"] == "12.500"
    assert values["ST_DATA_DIR"].endswith("var/demo")
