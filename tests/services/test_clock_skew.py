"""A wrong clock is kept with the account, and told where people and monitors look."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from risk.models import RiskSettings
from trading.models import WorkerHeartbeat
from trading.services.clock_skew import clock_warning
from trading.web.context import current_desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_new_installation(desk):
    """Without limits of its own: those of a new installation hold."""
    RiskSettings.objects.all().delete()


def seen(desk, skew: str, **fields) -> None:
    state = desk.state()
    state.clock_skew, state.clock_skew_at = Decimal(skew), desk.now
    for name, value in fields.items():
        setattr(state, name, value)
    state.save()


def test_clocks_that_agree_are_kept_as_such(desk):
    assert desk.state().clock_skew == 0
    assert desk.state().clock_skew_at == desk.now


def test_a_broker_whose_clock_is_behind_makes_ours_ahead(desk):
    desk.simulator.clock.date_ahead = -5
    desk.read_book()  # two answers against those before: the clock was set
    assert Decimal("3.9") < desk.state().clock_skew <= 5
    assert desk.state().clock_skew_at == desk.now


@pytest.mark.parametrize(
    ("skew", "told", "stops"),
    [
        ("0.499", False, False),
        ("0.5", True, False),
        ("-0.5", True, False),
        ("2", True, False),
        ("2.001", True, True),
        ("-40", True, True),
    ],
)
def test_a_difference_is_told_from_half_a_second_on(desk, skew, told, stops):
    seen(desk, skew)
    found = clock_warning(desk.now)
    assert (found is not None) == told
    assert (found is not None and found.stops_auto) == stops


def test_the_global_limits_say_from_when_on_it_is_told(desk):
    seen(desk, "0.9")
    row = RiskSettings.objects.create(scope="GLOBAL", clock_skew_warn=Decimal(1))
    assert clock_warning(desk.now) is None
    row.clock_skew_warn = Decimal("0.8")
    row.save()
    assert clock_warning(desk.now) is not None
    row.clock_skew_warn = None
    row.save()
    assert clock_warning(desk.now) is None


def test_what_was_seen_long_ago_says_nothing(desk):
    seen(desk, "40", clock_skew_at=desk.now - timedelta(minutes=6))
    assert clock_warning(desk.now) is None


def test_an_account_that_nobody_is_logged_in_to_says_nothing(desk):
    seen(desk, "40")
    desk.connection.token_expires_at = desk.now
    desk.connection.save()
    assert clock_warning(desk.now) is None


def test_ready_fails_and_names_no_account(desk, client: Client):
    seen(desk, "0.2")
    assert client.get("/health/ready").json()["checks"]["clock"]["ok"]
    seen(desk, "-0.7")
    check = client.get("/health/ready").json()["checks"]["clock"]
    assert check == {"ok": False, "detail": "0.7 s behind"}


def test_the_chip_says_by_how_much_and_what_follows(desk):
    WorkerHeartbeat.objects.create(
        worker_id="h:1:1", host="h", pid=1, started_at=desk.now, beat_at=desk.now
    )
    seen(desk, "3")
    broker = current_desk().broker
    assert (broker.word, broker.text) == ("Clock", "clock 3.0 s off")
    assert "ahead of the broker's. AUTO orders there wait for a person." in broker.detail
    seen(desk, "0.6")
    assert "AUTO" not in current_desk().broker.detail
    seen(desk, "0")
    assert current_desk().broker.word == "Connected"
