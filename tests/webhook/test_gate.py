"""Junk is counted by address and minute; too much of it is shut out, alerts never are."""

from datetime import UTC, datetime, timedelta

import pytest

from sigmatrader import clock
from sigmatrader.db import Busy
from tests.webhook.conftest import alert
from trading.models import Alert, IntakeCounter
from trading.webhooks import gate

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 11, 23, 6, 30, 10, tzinfo=UTC)


@pytest.fixture
def at():
    """`at(seconds)`: the clock stands so long after noon."""

    def move(seconds=0):
        clock.use(lambda: NOON + timedelta(seconds=seconds))

    move()
    yield move
    clock.use(None)


@pytest.fixture
def rate(monkeypatch):
    """`rate(n)`: ST_WEBHOOK_RATE_PER_MINUTE."""

    def allow(number):
        monkeypatch.setattr(gate, "settings", _with_rate(gate.settings, number))

    return allow


def _with_rate(settings, number):
    class St:
        WEBHOOK_RATE_PER_MINUTE = number
        WEBHOOK_ALLOWED_IPS = settings.ST.WEBHOOK_ALLOWED_IPS

    class Settings:
        ST = St

    return Settings


def test_thirty_wrong_secrets_lock_out_the_wrong_tries_of_that_address_alone(at, ready, post):
    wrong = alert(secret="wrong")
    for _ in range(gate.LOCKOUT_TRIES):
        assert post(wrong).status_code == 401
    locked = post(wrong)
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(locked.headers["Retry-After"]) <= 300
    assert post(alert()).status_code == 201
    assert post(b"{broken").status_code == 400
    assert post(wrong, address="198.51.100.7").status_code == 401


def test_the_lock_out_ends_after_five_minutes_and_is_not_prolonged_by_more_tries(at, ready, post):
    wrong = alert(secret="wrong")
    for _ in range(gate.LOCKOUT_TRIES):
        post(wrong)
    for second in (30, 100, 200):
        at(second)
        assert post(wrong).status_code == 429
    wait = int(post(wrong).headers["Retry-After"])
    at(200 + wait)
    assert post(wrong).status_code == 401


def test_slow_guessing_over_the_minutes_is_locked_out_too(at, ready, post):
    codes = []
    for minute in range(4):
        at(60 * minute)
        codes += [post(alert(secret="wrong")).status_code for _ in range(10)]
    assert codes == [401] * 30 + [429] * 10


def test_a_flood_without_a_right_secret_gets_429_and_alerts_still_pass(at, rate, ready, post):
    rate(5)
    codes = [post(b"{broken").status_code for _ in range(8)]
    assert codes == [400] * 5 + [429] * 3
    assert post(alert(secret="wrong")).status_code == 429
    assert int(post(b"{broken").headers["Retry-After"]) == 51
    assert [post(alert(interval=str(n))).status_code for n in range(10)] == [201] * 10
    at(51)
    assert post(b"{broken").status_code == 400


def test_a_flood_is_written_down_only_up_to_the_limit(at, rate, ready, post):
    rate(3)
    for _ in range(10):
        post(alert(), content_type="image/png")
        post(b"{broken")
    assert dict(IntakeCounter.objects.values_list("kind", "count")) == {
        "media_type": 2,
        "unreadable": 1,
    }


def test_good_alerts_are_not_counted(ready, post, django_assert_num_queries):
    post(alert())
    post(alert())
    assert not IntakeCounter.objects.exists()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("unix", "unix"),
        ("x" * 100, "x" * 64),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address, name):
    assert gate.counted_as(address) == name


def test_a_count_that_can_not_be_written_costs_nothing_but_the_count(
    ready, post, monkeypatch, caplog
):
    def busy(*_):
        raise Busy("another process is writing")

    monkeypatch.setattr(gate, "commit_within", busy)
    assert post(alert(secret="wrong")).status_code == 401
    assert "could not be counted" in caplog.text
    assert not Alert.objects.exists()
