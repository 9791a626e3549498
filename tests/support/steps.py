"""The named steps of sending, changing and following a live order, and what to do at one of them.

They wrap the product's own functions from outside; nothing in the product knows of them.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import OperationalError

from tests.support.paper_steps import die

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


Accepts = Callable[[Any], bool]


def _before(module: Any, name: str, act: Callable[..., Any], _: Accepts) -> None:
    original = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        act()
        return original(*args, **kwargs)

    setattr(module, name, wrapped)


def _after(module: Any, name: str, act: Callable[..., Any], when: Accepts) -> None:
    original = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if when(result):
            act()
        return result

    setattr(module, name, wrapped)


def _always(_: Any) -> bool:
    return True


def _to_a_post(response: Any) -> bool:
    return bool(response.request.method == "POST")


def _places() -> dict[str, tuple[Callable[..., None], Any, str, Accepts]]:
    from brokers.zerodha.client import KiteClient
    from brokers.zerodha.transport import Road
    from trading.models import Fill, OrderAttempt
    from trading.services import dispatch, ledger, outcomes, updates, worker

    return {
        "before the claim": (_before, worker, "claim_next", _always),
        "inside the claim's transaction": (_before, OrderAttempt, "save", _always),
        "after the claim is committed": (_after, worker, "claim_next", bool),
        BEFORE_THE_LAST_LOOK: (_before, dispatch, "look_again", _always),
        "after the last look": (_after, dispatch, "look_again", _always),
        "before the request leaves": (_before, KiteClient, "place", _always),
        "after the answer's first byte": (_after, Road, "_send", _to_a_post),
        "after the answer is read": (_after, KiteClient, "place", _always),
        "inside the transaction that saves the answer": (
            _before, outcomes, "close_attempt", _always
        ),
        "after the answer is saved": (_after, outcomes, "sent", _always),
        "inside the transaction that books the fill": (_after, ledger, "record", _always),
        "before the fill's position is saved": (_before, Fill.objects, "create", _always),
        "after the fill is booked": (_after, updates, "apply", _always),
        "before the cancel leaves": (_before, KiteClient, "cancel", _always),
        "after the cancel is answered": (_after, KiteClient, "cancel", _always),
        "before the change leaves": (_before, KiteClient, "modify", _always),
        "after the change is answered": (_after, KiteClient, "modify", _always),
        "before the trigger leaves": (_before, KiteClient, "place_trigger", _always),
        "after the trigger is answered": (_after, KiteClient, "place_trigger", _always),
    }  # fmt: skip
