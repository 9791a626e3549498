"""Plays a fault on a connection: the difference between what the broker did and what it said."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from brokers.simulator import errors
from brokers.simulator.faults import Fault
from brokers.simulator.routes import JSON, Response, failure

CHECK_THE_BOOK = (
    "Order request timed out. Please check the order book and confirm before placing again."
)
NOT_ALLOWED = (
    "IP ({ip}) is not allowed to place orders for this app. "
    "Update allowed IPs on the Kite developer console."
)
# The longest that a caller is kept waiting who never gives up.
PATIENCE_SECONDS = 60.0
_ERROR_TYPES = {500: "GeneralException", 502: "DataException"}
_BODIES = {
    "malformed": b'{"status":"success","data":{"order_id":"19533419',
    "null_body": b"null",
    "list_body": b"[]",
    "no_order_id": b'{"status":"success","data":{}}',
    "empty_200": b"",
}


class Wire(Protocol):
    """A connection as a fault needs it. `ip` is the caller's address."""

    ip: str

    def send(self, response: Response) -> None: ...

    def send_half(self, response: Response) -> None:
        """All headers, half of the body, then the end."""

    def end(self) -> None:
        """Close without a word."""

    def reset(self) -> None:
        """Close so that the caller sees a reset."""

    def hold(self, seconds: float) -> None:
        """Return when `seconds` are over or the caller has hung up."""


@dataclass(frozen=True)
class Scene:
    """What a fault is played with.

    `accept` lets the broker do what was asked and gives its true answer. `later(seconds, task)`
    runs a task in the background; `refuse(seconds)` closes the listening socket for a while.
    """

    wire: Wire
    accept: Callable[[], Response]
    later: Callable[[float, Callable[[], object]], None]
    refuse: Callable[[float], None]


def play(fault: Fault, scene: Scene) -> str:
    """Play it to its end. What the caller saw: the HTTP status, "reset", "ended", "cut"."""
    return ACTS[fault.kind](fault, scene)


def _answer(scene: Scene, response: Response) -> str:
    scene.wire.send(response)
    return str(response.status)


def _end_silently(fault: Fault, scene: Scene) -> str:
    if fault.accepted:
        scene.accept()
    scene.wire.hold(fault.seconds)
    scene.wire.end()
    return "ended"


def _accept_late(fault: Fault, scene: Scene) -> str:
    scene.wire.hold(PATIENCE_SECONDS)
    scene.wire.end()
    scene.later(fault.seconds, scene.accept)
    return "ended"


def _answer_late(fault: Fault, scene: Scene) -> str:
    response = scene.accept()
    scene.wire.hold(fault.seconds)
    return _answer(scene, response)


def _lying_400(_: Fault, scene: Scene) -> str:
    response = scene.accept()
    if response.status < 400:
        response = failure(errors.order_error(CHECK_THE_BOOK))
    return _answer(scene, response)


def _status(fault: Fault, scene: Scene) -> str:
    if fault.accepted:
        scene.accept()
    return _answer(scene, _error_response(fault.status, fault.body))


def _error_response(status: int, body: str) -> Response:
    if body == "empty":
        return Response(status, b"", "text/html")
    if body == "html":
        page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
        return Response(status, page.encode(), "text/html; charset=utf-8")
    error_type = _ERROR_TYPES.get(status, "NetworkException")
    return failure(errors.KiteError("Gateway timed out or unreachable.", error_type, status))


def _reset(fault: Fault, scene: Scene) -> str:
    if fault.accepted:
        scene.accept()
    scene.wire.reset()
    return "reset"


def _cut_body(_: Fault, scene: Scene) -> str:
    scene.wire.send_half(scene.accept())
    return "cut"


def _odd_body(fault: Fault, scene: Scene) -> str:
    if fault.accepted:
        scene.accept()
    return _answer(scene, Response(200, _BODIES[fault.kind], JSON))


def _no_content_type(_: Fault, scene: Scene) -> str:
    return _answer(scene, replace(scene.accept(), content_type=None))


def _success_500(_: Fault, scene: Scene) -> str:
    response = scene.accept()
    return _answer(scene, replace(response, status=max(500, response.status)))


def _rate_limited(_: Fault, scene: Scene) -> str:
    return _answer(scene, failure(errors.too_many()))


def _token_exception(_: Fault, scene: Scene) -> str:
    return _answer(scene, failure(errors.token_error()))


def _permission_ip(_: Fault, scene: Scene) -> str:
    message = NOT_ALLOWED.format(ip=scene.wire.ip)
    return _answer(scene, failure(errors.permission_error(message)))


def _slow(fault: Fault, scene: Scene) -> str:
    scene.wire.hold(fault.seconds)
    if fault.then is not None:
        return play(fault.then, scene)
    return _answer(scene, scene.accept())


def _redirect(fault: Fault, scene: Scene) -> str:
    return _answer(scene, Response(fault.status, headers=(("Location", fault.location),)))


def _duplicate_order(_: Fault, scene: Scene) -> str:
    first = scene.accept()
    if first.status < 400:
        scene.accept()
    return _answer(scene, first)


def _refuse_connection(fault: Fault, scene: Scene) -> str:
    # First the door, then the line: a caller who connects again at once finds it shut.
    scene.refuse(fault.seconds)
    scene.wire.end()
    return "ended"


ACTS: dict[str, Callable[[Fault, Scene], str]] = {
    "accept_then_timeout": _end_silently,
    "timeout_not_accepted": _end_silently,
    "accept_late": _accept_late,
    "answer_late": _answer_late,
    "lying_400": _lying_400,
    "accept_then_status": _status,
    "refuse_status": _status,
    "reset_before": _reset,
    "reset_after_accept": _reset,
    "cut_body": _cut_body,
    "malformed": _odd_body,
    "null_body": _odd_body,
    "list_body": _odd_body,
    "no_order_id": _odd_body,
    "empty_200": _odd_body,
    "no_content_type": _no_content_type,
    "success_500": _success_500,
    "rate_limited": _rate_limited,
    "token_exception": _token_exception,
    "permission_ip": _permission_ip,
    "slow": _slow,
    "redirect": _redirect,
    "duplicate_order": _duplicate_order,
    "refuse_connection": _refuse_connection,
}
