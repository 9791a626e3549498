"""The named steps of sending, changing and following a live order, and what to do at one of them.

They wrap the product's own functions from outside; nothing in the product knows of them.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import OperationalError

from tests.support.wrapping import Place, after, always, before, die

SENDING = (
    "before the claim",
    "inside the claim's transaction",
    "after the claim is committed",
    "after the last look",
    "before the request leaves",
    "after the answer's first byte",
    "after the answer is read",
    "inside the transaction that saves the answer",
    "after the answer is saved",
    "inside the transaction that books the fill",
    "before the fill's position is saved",
    "after the fill is booked",
)
NEVER_PLACED = frozenset(
    {"after the claim is committed", "after the last look", "before the request leaves"}
)
CHANGING = (
    "before the cancel leaves",
    "after the cancel is answered",
    "before the change leaves",
    "after the change is answered",
)
TRIGGERS = ("before the trigger leaves", "after the trigger is answered")
BEFORE_THE_LAST_LOOK = "before the last look"


def arm(step: str, act: str = "die", marker: str = "") -> None:
    """From now on this process dies at `step`; or with "hold" waits there until `marker` exists,
    or with "fail" meets a full disk there."""
    what = {"die": die, "fail": _fail}.get(act) or _hold_until(Path(marker))
    wraps, module, name, when = _places()[step]
    wraps(module, name, what, when)


def held(marker: Path) -> Path:
    """The file by which a held worker says that it has come to its step."""
    return marker.with_suffix(".held")


def _fail(*_: Any, **__: Any) -> None:
    raise OperationalError("database or disk is full")


def _hold_until(marker: Path) -> Callable[..., None]:
    def hold(*_: Any, **__: Any) -> None:
        held(marker).touch()
        while not marker.exists():
            time.sleep(0.01)

    return hold


def _to_a_post(response: Any) -> bool:
    return bool(response.request.method == "POST")


def _places() -> dict[str, Place]:
    from brokers.zerodha.client import KiteClient
    from brokers.zerodha.transport import Road
    from trading.models import Fill, OrderAttempt
    from trading.services import dispatch, ledger, outcomes, updates, worker

    return {
        "before the claim": (before, worker, "claim_next", always),
        "inside the claim's transaction": (before, OrderAttempt, "save", always),
        "after the claim is committed": (after, worker, "claim_next", bool),
        BEFORE_THE_LAST_LOOK: (before, dispatch, "look_again", always),
        "after the last look": (after, dispatch, "look_again", always),
        "before the request leaves": (before, KiteClient, "place", always),
        "after the answer's first byte": (after, Road, "_send", _to_a_post),
        "after the answer is read": (after, KiteClient, "place", always),
        "inside the transaction that saves the answer": (
            before, outcomes, "close_attempt", always
        ),
        "after the answer is saved": (after, outcomes, "sent", always),
        "inside the transaction that books the fill": (after, ledger, "record", always),
        "before the fill's position is saved": (before, Fill.objects, "create", always),
        "after the fill is booked": (after, updates, "apply", always),
        "before the cancel leaves": (before, KiteClient, "cancel", always),
        "after the cancel is answered": (after, KiteClient, "cancel", always),
        "before the change leaves": (before, KiteClient, "modify", always),
        "after the change is answered": (after, KiteClient, "modify", always),
        "before the trigger leaves": (before, KiteClient, "place_trigger", always),
        "after the trigger is answered": (after, KiteClient, "place_trigger", always),
    }  # fmt: skip
