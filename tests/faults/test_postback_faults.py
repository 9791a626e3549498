"""Kite's postbacks: early, doubled, forged, about strangers, or none at all."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from brokers.simulator import faults as f
from brokers.simulator.postbacks import payload
from tests.support.crew import TIMEOUT
from tests.support.rig import Rig, check_invariants
from tests.support.web import web
from trading.domain.values import Origin
from trading.models import Order

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]


@pytest.fixture(scope="module")
def address(rig_with_worker: Rig) -> Iterator[str]:
    with web() as root:
        yield root + "/webhook/zerodha/postback"


@pytest.fixture
def pushed(rig: Rig, address: str) -> Iterator[Rig]:
    """The rig, with postbacks going to our web side."""
    rig.simulator.postbacks.url = address
    yield rig
    rig.simulator.postbacks.url = ""


def delivered(rig: Rig, order: Order) -> list[str]:
    """How the postbacks about `order` were answered."""
    number = rig.at_broker(order)[0]["order_id"]
    return [
        str(sent["outcome"])
        for sent in rig.simulator.postbacks.sent()
        if sent["body"]["order_id"] == number
    ]


def post(address: str, body: dict[str, object]) -> int:
    request = urllib.request.Request(address, json.dumps(body, default=str).encode())
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_postback_before_the_answer_changes_nothing(pushed: Rig) -> None:
    rig = pushed
    rig.faults.script("place", f.answer_late(0.9 * TIMEOUT))
    order = rig.order()
    rig.wait(lambda: rig.at_broker(order) and delivered(rig, order), "the postback is there")
    rig.until(order, "EXECUTED")
    assert delivered(rig, order) == ["200"]
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_a_postback_of_an_order_whose_answer_never_came_settles_it(pushed: Rig) -> None:
    rig = pushed
    rig.faults.script("place", f.accept_then_timeout(1))
    order = rig.until(rig.order(), "EXECUTED")
    assert len(rig.posts(order)) == 1
    check_invariants(rig)


def test_forged_doubled_and_unknown_postbacks_do_no_harm(pushed: Rig, address: str) -> None:
    rig = pushed
    rig.simulator.postbacks.knobs.forge = 1
    forged = rig.until(rig.order(), "EXECUTED")  # by the book
    rig.wait(lambda: delivered(rig, forged) == ["401"], "the forged one is refused")
    rig.simulator.postbacks.knobs.duplicate = 1
    doubled = rig.until(rig.order(), "EXECUTED")
    rig.wait(lambda: delivered(rig, doubled) == ["200", "200"], "both are taken")
    assert rig.fresh(doubled).fills.count() == 1
    row = rig.exchange.orders()[-1]
    stranger = payload(row | {"order_id": "9" * 19}, rig.exchange.user_id, "simsecret")
    before = Order.objects.count()
    assert post(address, stranger) == 200
    assert post(address, stranger | {"checksum": "0" * 64}) == 401
    rig.book_reads(3)
    assert Order.objects.count() == before
    check_invariants(rig)


def test_an_order_of_the_same_app_that_is_not_ours_is_adopted(pushed: Rig) -> None:
    rig = pushed
    number = rig.exchange.place(
        "regular",
        {
            "exchange": "NSE",
            "tradingsymbol": rig.new_symbol(),
            "transaction_type": "BUY",
            "quantity": "3",
            "product": "MIS",
            "order_type": "MARKET",
            "market_protection": "-1",
            "validity": "DAY",
        },
    )
    rows = Order.objects.filter(broker_order_id=number, origin=Origin.EXTERNAL)
    rig.wait(lambda: rows.filter(status="EXECUTED").exists(), "it is adopted")
    check_invariants(rig)


def test_reordered_postbacks_take_nothing_back(pushed: Rig) -> None:
    rig = pushed
    rig.simulator.postbacks.knobs.reorder = 2
    rig.exchange.behaviour.partial_fill = 2
    order = rig.until(rig.order(qty=5), "PARTIALLY_EXECUTED")
    rig.set_price(order.tradingsymbol, rig.last(order.tradingsymbol))
    rig.until(order, "EXECUTED")
    rig.wait(lambda: len(delivered(rig, order)) == 2, "both postbacks went out")
    rig.book_reads(2)
    assert rig.fresh(order).status == "EXECUTED"
    check_invariants(rig)


def test_without_postbacks_the_book_is_followed_all_the_same(pushed: Rig) -> None:
    rig = pushed
    rig.simulator.postbacks.knobs.silent = True
    try:
        rig.until(rig.order(), "EXECUTED")
    finally:
        rig.simulator.postbacks.knobs.silent = False
    check_invariants(rig)
