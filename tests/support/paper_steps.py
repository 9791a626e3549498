"""The named steps of sending an order to the paper broker, at one of which a worker kills itself.

The steps wrap the product's own functions from outside; nothing in the product knows of them.
`tests.support.nursery` makes the worker.
"""

import os
import signal
from collections.abc import Callable
from typing import Any


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def before(module: Any, name: str) -> None:
    """Die instead of calling `module.name`."""
    setattr(module, name, die)


def after(module: Any, name: str, when: Callable[[Any], bool] = lambda result: True) -> None:
    """Die once `module.name` has returned something that `when` accepts."""
    original = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if when(result):
            die()
        return result

    setattr(module, name, wrapped)


def arm(step: str) -> None:
    """From now on this process dies at `step`."""
    from brokers.paper import book
    from brokers.paper.adapter import PaperBroker
    from trading.models import Fill, OrderAttempt
    from trading.services import dispatch, ledger, outcomes, updates, worker

    steps: dict[str, Callable[[], None]] = {
        "before the claim": lambda: before(worker, "claim_next"),
        "inside the claim's transaction": lambda: before(OrderAttempt, "save"),
        "after the claim is committed": lambda: after(worker, "claim_next", bool),
        "after the last look": lambda: after(dispatch, "look_again"),
        "as the call begins": lambda: before(PaperBroker, "place"),
        "in the broker after it took the order, before any fill": lambda: before(book, "complete"),
        "after the broker's answer, before it is read": lambda: after(PaperBroker, "place"),
        "inside the transaction that saves the answer": lambda: before(outcomes, "close_attempt"),
        "after the answer is saved": lambda: before(updates, "refresh"),
        "inside the transaction that books the fill": lambda: after(ledger, "record"),
        "before the fill's position is saved": lambda: before(Fill.objects, "create"),
        "after the fill is booked": lambda: after(updates, "apply"),
    }
    steps[step]()


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
