"""The broker's rate limits."""

from dataclasses import dataclass

import pytest
import requests

from brokers.simulator.errors import KiteError
from brokers.simulator.limits import ORDER, OTHER, QUOTE, RateLimits
from tests.support import kite


@dataclass
class Now:
    # Midnight in India of some day.
    seconds: float = 86_400 * 20_000 - 19_800

    def __call__(self):
        return self.seconds


@pytest.fixture
def now():
    return Now()


def taken(limits, kind, times, account="A"):
    """How many of so many requests in a row are let through."""
    count = 0
    refusals = set()
    for _ in range(times):
        try:
            limits.check(account, kind)
        except KiteError as error:
            refusals.add((error.status, error.error_type))
        else:
            count += 1
    assert refusals <= {(429, "NetworkException")}
    return count


@pytest.mark.parametrize(("kind", "allowed"), [(QUOTE, 1), (ORDER, 10), (OTHER, 10)])
def test_each_kind_has_its_number_a_second(now, kind, allowed):
    limits = RateLimits(now=now)
    assert taken(limits, kind, 15) == allowed
    now.seconds += 1
    assert taken(limits, kind, 15) == allowed


def test_the_kinds_and_the_accounts_are_counted_apart(now):
    limits = RateLimits(now=now)
    assert taken(limits, ORDER, 15) == 10
    assert taken(limits, OTHER, 15) == 10
    assert taken(limits, ORDER, 15, account="B") == 10


def test_orders_are_limited_by_the_minute_too(now):
    limits = RateLimits(now=now)
    sent = 0
    for _ in range(59):
        sent += taken(limits, ORDER, 10)
        now.seconds += 1
    assert sent == 400
    now.seconds += 1
    assert taken(limits, ORDER, 10) == 10


def test_refused_orders_count_as_well(now):
    limits = RateLimits(now=now)
    for _ in range(4):
        taken(limits, ORDER, 100)
        now.seconds += 1
    with pytest.raises(KiteError, match="Maximum allowed order requests exceeded"):
        limits.check("A", ORDER)


def test_orders_are_limited_by_the_indian_day(now):
    limits = RateLimits(now=now)
    sent = 0
    for _ in range(600):
        sent += taken(limits, ORDER, 10)
        now.seconds += 2
    assert sent == 5000
    now.seconds += 86_400 - 1200 - 1
    assert taken(limits, ORDER, 1) == 0
    now.seconds += 1
    assert taken(limits, ORDER, 1) == 1


def test_switched_off_nothing_is_limited(now):
    assert taken(RateLimits(enabled=False, now=now), ORDER, 6000) == 6000


def test_the_server_answers_429_to_one_too_many():
    with kite.simulator() as sim:
        standing = Now()
        sim.limits = RateLimits(now=standing)
        sent = kite.headers(sim)
        answers = [requests.get(f"{sim.root}/orders", headers=sent, timeout=5) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert answers[-1].json()["error_type"] == "NetworkException"
        assert answers[-1].json()["message"] == "Too many requests"
        standing.seconds += 1
        assert requests.get(f"{sim.root}/orders", headers=sent, timeout=5).ok


def test_an_order_over_the_limit_is_not_taken_and_quotes_have_a_limit_of_their_own():
    from kiteconnect.exceptions import NetworkException

    with kite.simulator() as sim:
        sim.limits = RateLimits(now=Now())
        client = kite.logged_in(sim)
        for _ in range(10):
            client.place_order(**kite.an_order())
        with pytest.raises(NetworkException) as refused:
            client.place_order(**kite.an_order())
        assert refused.value.code == 429
        assert len(sim.exchange.ledger()["orders"]) == 10
        assert client.ltp("NSE:INFY")
        with pytest.raises(NetworkException):
            client.ltp("NSE:INFY")
