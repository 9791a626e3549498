"""The named steps of sending an order to the paper broker, at one of which a worker kills itself.

The steps wrap the product's own functions from outside; nothing in the product knows of them.
`tests.support.nursery` makes the worker.
"""

from tests.support.wrapping import Place, after, always, before, die


def arm(step: str) -> None:
    """From now on this process dies at `step`."""
    from brokers.paper import book
    from brokers.paper.adapter import PaperBroker
    from trading.models import Fill, OrderAttempt
    from trading.services import dispatch, ledger, outcomes, updates, worker

    places: dict[str, Place] = {
        "before the claim": (before, worker, "claim_next", always),
        "inside the claim's transaction": (before, OrderAttempt, "save", always),
        "after the claim is committed": (after, worker, "claim_next", bool),
        "after the last look": (after, dispatch, "look_again", always),
        "as the call begins": (before, PaperBroker, "place", always),
        "in the broker after it took the order, before any fill": (
            before,
            book,
            "complete",
            always,
        ),
        "after the broker's answer, before it is read": (after, PaperBroker, "place", always),
        "inside the transaction that saves the answer": (before, outcomes, "close_attempt", always),
        "after the answer is saved": (before, updates, "refresh", always),
        "inside the transaction that books the fill": (after, ledger, "record", always),
        "before the fill's position is saved": (before, Fill.objects, "create", always),
        "after the fill is booked": (after, updates, "apply", always),
    }
    wraps, module, name, when = places[step]
    wraps(module, name, die, when)


STEPS = (
    "before the claim",
    "inside the claim's transaction",
    "after the claim is committed",
    "after the last look",
    "as the call begins",
    "in the broker after it took the order, before any fill",
    "after the broker's answer, before it is read",
    "inside the transaction that saves the answer",
    "after the answer is saved",
    "inside the transaction that books the fill",
    "before the fill's position is saved",
    "after the fill is booked",
)
# Where it dies with the order claimed and nothing handed to the broker.
NEVER_PLACED = frozenset(
    {"after the claim is committed", "after the last look", "as the call begins"}
)
