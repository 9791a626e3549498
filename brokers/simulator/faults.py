"""Faults of the connection and of single answers: which, for which call, how often.

A fault is named by what the caller sees and by whether the broker took the request:
`accept_then_…` did, `refuse_…` did not. Faults inside the exchange (a partial fill, a lagging
order book, an order refused later) are its `behaviour`.
"""

import inspect
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

ANY = "any"
CALLS = frozenset(
    {
        "place", "modify", "cancel", "orders", "order", "order_trades", "trades",
        "positions", "convert", "holdings", "auctions", "authorise",
        "margins", "order_margins", "basket_margins", "charges",
        "gtt_place", "gtt_modify", "gtt_delete", "gtts", "gtt",
        "quote", "instruments", "profile", "token", "renew", "logout",
        ANY,
    }
)  # fmt: skip
BODIES = ("json", "html", "empty")


@dataclass(frozen=True)
class Fault:
    """One misbehaviour; make it with the functions below.

    `seconds`: how long it takes or lasts. `status`, `body`: of the answer. `accepted`: whether the
    broker takes the request all the same. `location`: where a redirect points. `then`: what
    follows when a slow answer's wait is over.
    """

    kind: str
    seconds: float = 0.0
    status: int = 0
    body: str = "json"
    accepted: bool = True
    location: str = ""
    then: "Fault | None" = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def accept_then_timeout(seconds: float = 8.0) -> Fault:
    """The order is taken; no answer for `seconds`, then the connection just ends."""
    return Fault("accept_then_timeout", seconds)


def timeout_not_accepted(seconds: float = 8.0) -> Fault:
    """Nothing is taken; no answer for `seconds`, then the connection just ends."""
    return Fault("timeout_not_accepted", seconds, accepted=False)


def accept_late(seconds: float) -> Fault:
    """No answer; the order is taken `seconds` after the caller has given up."""
    return Fault("accept_late", seconds)


def answer_late(seconds: float) -> Fault:
    """The request is taken at once; the right answer comes `seconds` later, after any postback."""
    return Fault("answer_late", seconds)


def lying_400() -> Fault:
    """The order is taken; the answer is a 400 that says to look into the order book."""
    return Fault("lying_400", status=400)


def accept_then_status(status: int, body: str = "json") -> Fault:
    """The request is taken, the answer is an error: body json, html or empty."""
    return Fault("accept_then_status", status=status, body=body)


def refuse_status(status: int, body: str = "json") -> Fault:
    """The request is not taken, the answer is an error: body json, html or empty."""
    return Fault("refuse_status", status=status, body=body, accepted=False)


def reset_before() -> Fault:
    """The connection is reset before the body is read."""
    return Fault("reset_before", accepted=False)


def reset_after_accept() -> Fault:
    """The request is taken, then the connection is reset without an answer."""
    return Fault("reset_after_accept")


def cut_body() -> Fault:
    """The request is taken; the answer ends in the middle of its body."""
    return Fault("cut_body")


def malformed(*, accepted: bool = True) -> Fault:
    """200 with a body that is called JSON and is none."""
    return Fault("malformed", accepted=accepted)


def null_body(*, accepted: bool = True) -> Fault:
    """200 with the JSON body `null`."""
    return Fault("null_body", accepted=accepted)


def list_body(*, accepted: bool = True) -> Fault:
    """200 with a JSON list for a body."""
    return Fault("list_body", accepted=accepted)


def no_order_id(*, accepted: bool = True) -> Fault:
    """200 with an empty object for `data`."""
    return Fault("no_order_id", accepted=accepted)


def empty_200(*, accepted: bool = True) -> Fault:
    """200 with no body at all."""
    return Fault("empty_200", accepted=accepted)


def no_content_type() -> Fault:
    """The true answer without its Content-Type."""
    return Fault("no_content_type")


def success_500() -> Fault:
    """The true answer with the status 500."""
    return Fault("success_500")


def rate_limited(seconds: float = 0.0) -> Fault:
    """429 once, or to every such call for `seconds`."""
    return Fault("rate_limited", seconds, status=429, accepted=False)


def token_exception() -> Fault:
    """403 as for a dead access token."""
    return Fault("token_exception", status=403, accepted=False)


def permission_ip() -> Fault:
    """403 as for an address that is not on the app's list."""
    return Fault("permission_ip", status=403, accepted=False)


def slow(seconds: float, then: Fault | None = None) -> Fault:
    """The right answer, late; or, after the wait, another fault."""
    return Fault("slow", seconds, then=then)


def redirect(location: str, status: int = 302) -> Fault:
    """The caller is sent elsewhere; nothing is taken."""
    return Fault("redirect", status=status, location=location, accepted=False)


def duplicate_order() -> Fault:
    """The order is placed twice with one tag; the answer names the first."""
    return Fault("duplicate_order")


def refuse_connection(seconds: float) -> Fault:
    """This connection ends, and for `seconds` nobody listens. Nothing is taken."""
    return Fault("refuse_connection", seconds, accepted=False)


MAKERS: dict[str, Callable[..., Fault]] = {
    maker.__name__: maker
    for maker in (
        accept_then_timeout, timeout_not_accepted, accept_late, answer_late, lying_400,
        accept_then_status, refuse_status, reset_before, reset_after_accept, cut_body,
        malformed, null_body, list_body, no_order_id, empty_200, no_content_type, success_500,
        rate_limited, token_exception, permission_ip, slow, redirect, duplicate_order,
        refuse_connection,
    )
}  # fmt: skip


def from_dict(values: Mapping[str, Any] | None) -> Fault | None:
    """A fault of its JSON form, `{"kind": …, …}` with the arguments of its function; null is none.

    Raises ValueError that names what is wrong.
    """
    if values is None:
        return None
    given = dict(values)
    kind = given.pop("kind", None)
    if kind not in MAKERS:
        raise ValueError(f"kind: {kind!r} is none of {', '.join(sorted(MAKERS))}.")
    if "then" in given:
        given["then"] = from_dict(given["then"])
    taken = inspect.signature(MAKERS[kind]).parameters
    try:
        fault = MAKERS[kind](**{name: given[name] for name in given if name in taken})
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from None
    for name, value in given.items():
        # The whole form of a fault names every field; only another value would be lost.
        if name not in taken and value != getattr(fault, name, None):
            raise ValueError(f"{kind}: takes no {name}.")
    if fault.body not in BODIES:
        raise ValueError(f"{kind}: body is one of {', '.join(BODIES)}.")
    return fault


class FaultPlan:
    """Decides for each request whether it goes wrong.

    What was scripted for the call comes first, then what was scripted for any call, then what
    always happens, then chance.
    """

    def __init__(self) -> None:
        self._scripts: dict[str, deque[Fault | None]] = {}
        self._always: dict[str, Fault] = {}
        self._chances: list[tuple[Fault, float]] = []
        self._chance_calls: frozenset[str] = frozenset()
        self._random = random.Random(0)  # noqa: S311 a repeatable sequence is the point
        self._limited_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def script(self, call: str, *faults: Fault | None) -> None:
        """The next requests of `call`, one entry each, in order; None behaves."""
        with self._lock:
            self._scripts.setdefault(_known(call), deque()).extend(faults)

    def always(self, call: str, fault: Fault) -> None:
        """Every request of `call` until `clear`."""
        with self._lock:
            self._always[_known(call)] = fault

    def seeded(
        self, seed: int, chances: Mapping[Fault, float], calls: Iterable[str] = ("place",)
    ) -> None:
        """Each request of `calls` meets a fault with its probability; the sequence is the seed's.

        Raises ValueError when the probabilities are negative or add up to more than 1.
        """
        if any(chance < 0 for chance in chances.values()) or sum(chances.values()) > 1:
            raise ValueError("The probabilities must not be negative or add up to more than 1.")
        with self._lock:
            self._random = random.Random(seed)  # noqa: S311
            self._chances = list(chances.items())
            self._chance_calls = frozenset(_known(call) for call in calls)

    def clear(self, call: str = "") -> None:
        """Forget the plan of `call`, or everything."""
        with self._lock:
            if call:
                for plan in (self._scripts, self._always, self._limited_until):
                    plan.pop(_known(call), None)
                self._chance_calls -= {call}
                return
            self._scripts.clear()
            self._always.clear()
            self._limited_until.clear()
            self._chance_calls = frozenset()

    def waiting(self) -> dict[str, list[dict[str, Any] | None]]:
        """What was scripted and not yet used, by call."""
        with self._lock:
            return {
                call: [fault.as_dict() if fault else None for fault in entries]
                for call, entries in self._scripts.items()
                if entries
            }

    def take(self, call: str) -> Fault | None:
        """The fault of the request that has just arrived; it is used up by this."""
        with self._lock:
            now = time.monotonic()
            if any(self._limited_until.get(name, 0) > now for name in (call, ANY)):
                return rate_limited()
            name, fault = self._next(call)
            if fault is not None and fault.kind == "rate_limited" and fault.seconds:
                self._limited_until[name] = now + fault.seconds
            return fault

    def _next(self, call: str) -> tuple[str, Fault | None]:
        for name in (call, ANY):
            if self._scripts.get(name):
                return name, self._scripts[name].popleft()
        for name in (call, ANY):
            if name in self._always:
                return name, self._always[name]
        return call, self._chance(call)

    def _chance(self, call: str) -> Fault | None:
        if not self._chance_calls & {call, ANY}:
            return None
        drawn = self._random.random()
        for fault, chance in self._chances:
            if drawn < chance:
                return fault
            drawn -= chance
        return None


def _known(call: str) -> str:
    if call not in CALLS:
        raise ValueError(f"{call!r} is no call; there are {', '.join(sorted(CALLS))}.")
    return call
