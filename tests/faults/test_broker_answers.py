"""What the broker answers to one placing request, or does not: faults 2 to 10.

The orders of the table are sent one after the other, each with its fault, and settle together.
"""

from dataclasses import dataclass

import pytest

from brokers.simulator import faults as f
from brokers.simulator.faults import Fault
from tests.support.crew import GRACE, TIMEOUT
from tests.support.rig import Rig, check_invariants
from trading.models import Order

pytestmark = [pytest.mark.faults, pytest.mark.db_backends]

SILENCE = 3 * TIMEOUT


@dataclass(frozen=True)
class Case:
    """A fault, and what its order must become. `words`: a part of why."""

    fault: Fault
    status: str = "EXECUTED"
    words: str = ""


NOT_PLACED = "Not found at the broker"
LATE = 0.8 * GRACE

CASES: dict[str, Case] = {
    "2 no answer, not taken": Case(f.timeout_not_accepted(SILENCE), "FAILED", NOT_PLACED),
    "3 no answer, taken": Case(f.accept_then_timeout(SILENCE)),
    "4 taken after we gave up waiting": Case(f.accept_late(LATE)),
    "5 a 400 that says to look into the book": Case(f.lying_400()),
    "6 reset before it was read": Case(f.reset_before(), "FAILED", NOT_PLACED),
    "6 reset after it was taken": Case(f.reset_after_accept()),
    "6 cut in the middle of the answer": Case(f.cut_body()),
    "7 the connection ends without a word, taken": Case(f.accept_then_timeout(0)),
    "7 the connection ends without a word": Case(f.timeout_not_accepted(0), "FAILED", NOT_PLACED),
    **{
        f"8 {status} as {body}, taken": Case(f.accept_then_status(status, body))
        for status in (500, 502, 503, 504)
        for body in f.BODIES
    },
    **{
        f"8 {status}, not taken": Case(f.refuse_status(status, body), "FAILED", NOT_PLACED)
        for status, body in ((500, "json"), (502, "html"), (503, "json"), (504, "empty"))
    },
    "9 malformed, taken": Case(f.malformed()),
    "9 malformed": Case(f.malformed(accepted=False), "FAILED", NOT_PLACED),
    "9 null, taken": Case(f.null_body()),
    "9 null": Case(f.null_body(accepted=False), "FAILED", NOT_PLACED),
    "9 a list, taken": Case(f.list_body()),
    "9 a list": Case(f.list_body(accepted=False), "FAILED", NOT_PLACED),
    "9 no order id, taken": Case(f.no_order_id()),
    "9 no order id": Case(f.no_order_id(accepted=False), "FAILED", NOT_PLACED),
    "9 nothing, taken": Case(f.empty_200()),
    "9 nothing": Case(f.empty_200(accepted=False), "FAILED", NOT_PLACED),
    "9 no content type": Case(f.no_content_type()),
    "10 a success under a 500": Case(f.success_500()),
    "15 slow, in time": Case(f.slow(0.6 * TIMEOUT)),
    "a redirect to another host": Case(
        f.redirect("http://127.0.0.2:9/orders/regular"), "FAILED", NOT_PLACED
    ),
}


@pytest.fixture(scope="module")
def sent(rig_with_worker: Rig) -> dict[str, Order]:
    """The order of every case, settled."""
    rig = rig_with_worker
    rig.begin()
    orders: dict[str, Order] = {}
    for name, case in CASES.items():
        rig.faults.script("place", case.fault)
        orders[name] = rig.order()
        rig.until_called(orders[name])
    rig.quiet()
    return orders


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_settled_by_the_book_and_never_by_sending_again(
    rig_with_worker: Rig, sent: dict[str, Order], name: str
) -> None:
    rig, case = rig_with_worker, CASES[name]
    order = rig.until(sent[name], case.status)
    assert case.words in order.error_message
    assert order.attempts.count() == 1
    assert len(rig.at_broker(order)) == (0 if case.status == "FAILED" else 1)


def test_the_books_agree_after_all_answers(rig_with_worker: Rig, sent: dict[str, Order]) -> None:
    entries = rig_with_worker.simulator.journal.entries("place")
    assert len(entries) == len(sent) == len(CASES)
    check_invariants(rig_with_worker)


def test_a_success_under_a_500_is_noted_as_odd(
    rig_with_worker: Rig, sent: dict[str, Order]
) -> None:
    order = sent["10 a success under a 500"]
    anomalies = [event.data.get("anomaly") for event in order.events.all()]
    assert "Zerodha answered HTTP 500 with an id." in anomalies
    assert [event.to_status for event in order.events.all()].count("UNKNOWN") == 0


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("8", "9"))])
def test_an_odd_body_is_known_by_its_hash_and_never_quoted(
    rig_with_worker: Rig, sent: dict[str, Order], name: str
) -> None:
    unclear = [event for event in sent[name].events.all() if event.to_status == "UNKNOWN"]
    assert len(unclear) == 1
    assert "1953341" not in unclear[0].reason
    if name.startswith("9") and "order id" not in name and "null" not in name:
        assert "sha256" in unclear[0].reason or "content type" in unclear[0].reason
