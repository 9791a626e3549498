"""What only a simulator has: the market, the clock and the faults in a test's hand, as JSON.

GET reads, POST changes; `user_id` picks the account, the first user's by default. Every answer is
a JSON object or list; a mistake is answered 400 with `{"error": …}` that names the field.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from brokers.simulator.errors import KiteError
from brokers.simulator.faults import Fault, from_dict
from brokers.simulator.routes import JSON, Request, Response

if TYPE_CHECKING:
    from brokers.simulator.clock import SimClock
    from brokers.simulator.exchange import Exchange
    from brokers.simulator.server import KiteSimulator

PREFIX = "/_sim/"
Values = Mapping[str, Any]
Action = Callable[["KiteSimulator", Values], Any]


class BadControl(Exception):
    """A control request that cannot be done; the text says which field and why."""


def answer(simulator: "KiteSimulator", request: Request) -> Response:
    """Do what a control request asks."""
    name = request.path.removeprefix(PREFIX).strip("/")
    action = ACTIONS.get((request.method, name))
    if action is None:
        known = ", ".join(sorted(f"{method} {path}" for method, path in ACTIONS))
        return _json(404, {"error": f"{request.method} {name} is none of: {known}"})
    try:
        return _json(200, action(simulator, _values(request)))
    except (BadControl, KiteError) as error:
        return _json(400, {"error": str(error)})


def _values(request: Request) -> Values:
    if request.method == "GET":
        return dict(request.query)
    # A page of another site can post forms here, but no JSON.
    if not request.headers.get("content-type", "").startswith(JSON):
        raise BadControl("Send application/json.")
    values = request.json() if request.body else {}
    if not isinstance(values, dict):
        raise BadControl("Send a JSON object.")
    return values


def _json(status: int, value: Any) -> Response:
    return Response(status, json.dumps(value, default=str).encode())


def _need(values: Values, *names: str) -> None:
    for name in names:
        if name not in values:
            raise BadControl(f"{name}: is missing.")


def _number(values: Values, name: str, default: float | None = None) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadControl(f"{name}: give a number.")
    return value


def _decimal(values: Values, name: str) -> Decimal:
    _need(values, name)
    try:
        return Decimal(str(values[name]))
    except InvalidOperation:
        raise BadControl(f"{name}: {values[name]!r} is no number.") from None


def _exchange(simulator: "KiteSimulator", values: Values) -> "Exchange":
    user_id = values.get("user_id") or simulator.exchange.user_id
    try:
        return simulator.exchanges[user_id]
    except KeyError:
        raise BadControl(f"user_id: there are {', '.join(simulator.exchanges)}.") from None


# Looking


def _state(simulator: "KiteSimulator", _: Values) -> dict[str, Any]:
    clock = simulator.clock
    return {
        "root": simulator.root,
        "login_url": simulator.login_url,
        "api_key": simulator.api_key,
        "redirect_url": simulator.redirect_url,
        "users": list(simulator.exchanges),
        "clock": _clock_state(clock),
        "rate_limits": simulator.limits.enabled,
        "sessions": simulator.sessions.users(),
        "faults": simulator.faults.waiting(),
        "behaviour": {
            user_id: exchange.behaviour.as_dict()
            for user_id, exchange in simulator.exchanges.items()
        },
        "postbacks": asdict(simulator.postbacks.knobs) | {"url": simulator.postbacks.url},
    }


def _ledger(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    return _exchange(simulator, values).ledger()


def _journal(simulator: "KiteSimulator", values: Values) -> list[dict[str, Any]]:
    since = str(values.get("since", "0"))
    if not since.isdecimal():
        raise BadControl("since: give the number of an entry.")
    entries = simulator.journal.entries(values.get("call", ""), int(since))
    return [entry.as_dict() for entry in entries]


def _sent_postbacks(simulator: "KiteSimulator", _: Values) -> list[dict[str, Any]]:
    return simulator.postbacks.sent()


# The market and the clock


def _price(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _need(values, "exchange", "tradingsymbol")
    price = _decimal(values, "price")
    key = (values["exchange"], values["tradingsymbol"])
    _change(lambda: simulator.set_price(*key, price), "price")
    return {"price": str(price)}


def _clock(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    clock = simulator.clock
    if "speed" in values:
        _change(lambda: setattr(clock, "speed", _number(values, "speed")), "speed")
    if "frozen" in values:
        (clock.freeze if values["frozen"] else clock.resume)()
    if "set" in values:
        _change(lambda: clock.set(datetime.fromisoformat(str(values["set"]))), "set")
    if "advance" in values:
        clock.advance(_number(values, "advance"))
    if "date_ahead" in values:
        clock.date_ahead = _number(values, "date_ahead")
    for exchange in simulator.exchanges.values():
        exchange.tick()
    return _clock_state(clock)


def _clock_state(clock: "SimClock") -> dict[str, Any]:
    return {
        "now": clock.now().isoformat(),
        "speed": clock.speed,
        "frozen": clock.frozen,
        "date_ahead": clock.date_ahead,
    }


def _change(change: Callable[[], object], name: str) -> None:
    try:
        change()
    except ValueError as error:
        raise BadControl(f"{name}: {error}") from None


def _open(simulator: "KiteSimulator", _: Values) -> dict[str, Any]:
    for exchange in simulator.exchanges.values():
        exchange.open_market()
    return {}


def _close(simulator: "KiteSimulator", _: Values) -> dict[str, Any]:
    for exchange in simulator.exchanges.values():
        exchange.close_market()
    return {}


def _end_day(simulator: "KiteSimulator", _: Values) -> dict[str, Any]:
    for exchange in simulator.exchanges.values():
        exchange.end_day()
    return {}


def _limit_depth(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _need(values, "units")
    units = values["units"]
    if units is not None and (isinstance(units, bool) or not isinstance(units, int)):
        raise BadControl("units: give a whole number, or null for no limit.")
    _exchange(simulator, values).limit_depth(units)
    return {}


def _square_off(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _exchange(simulator, values).square_off(values.get("product", "MIS"))
    return {}


def _place_outside(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    order = {name: str(value) for name, value in values.items() if name != "user_id"}
    return {"order_id": _exchange(simulator, values).place_outside(order)}


# Misbehaving


def _faults(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    plan = simulator.faults
    call = values.get("call", "")
    try:
        if "clear" in values:
            plan.clear(call)
        if "script" in values:
            plan.script(call, *(from_dict(fault) for fault in values["script"]))
        if "always" in values:
            plan.always(call, _fault(values["always"]))
        if "seed" in values:
            chances = {_fault(one["fault"]): one["chance"] for one in values.get("chances", [])}
            plan.seeded(values["seed"], chances, values.get("calls", ["place"]))
    except (ValueError, TypeError, KeyError) as error:
        raise BadControl(f"faults: {error}") from None
    return {"waiting": plan.waiting()}


def _fault(values: Values) -> Fault:
    fault = from_dict(values)
    if fault is None:
        raise ValueError("a fault is needed, not null.")
    return fault


def _behaviour(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    behaviour = _exchange(simulator, values).behaviour
    times = values.get("times", {})
    if not isinstance(times, dict):
        raise BadControl("times: give an object of knob and number.")
    try:
        if values.get("clear"):
            behaviour.clear()
        for name, value in values.items():
            if name not in ("user_id", "times", "clear"):
                behaviour.set(name, value, times=times.get(name, 1))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BadControl(f"behaviour: {error}") from None
    return behaviour.as_dict()


def _release(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _exchange(simulator, values).release(values.get("order_id"))
    return {}


def _revise(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _need(values, "order_id")
    average = _decimal(values, "average_price") if "average_price" in values else None
    filled = int(_number(values, "filled")) if "filled" in values else None
    exchange = _exchange(simulator, values)
    exchange.revise(values["order_id"], average_price=average, filled=filled)
    return {}


def _deposit(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _need(values, "exchange", "tradingsymbol", "quantity")
    key = (values["exchange"], values["tradingsymbol"])
    quantity, price = int(_number(values, "quantity")), _decimal(values, "average_price")
    exchange = _exchange(simulator, values)
    _change(lambda: exchange.deposit(*key, quantity, price), "tradingsymbol")
    return {}


def _end_trigger(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _need(values, "trigger_id", "status")
    exchange = _exchange(simulator, values)
    trigger_id = int(_number(values, "trigger_id"))
    _change(lambda: exchange.end_trigger(trigger_id, values["status"]), "status")
    return {}


def _postback_knobs(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    knobs = simulator.postbacks.knobs
    types = {field.name: field.type for field in fields(knobs)}
    for name, value in values.items():
        if name == "url":
            simulator.postbacks.url = str(value)
        elif name not in types or type(value) is not types[name]:
            raise BadControl(f"{name}: not a knob of postbacks, or not of its type.")
        else:
            setattr(knobs, name, value)
    return asdict(knobs)


def _refuse(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    seconds = _number(values, "seconds")
    # In the background, so that this very answer still gets out.
    simulator.later(0.05, lambda: simulator.refuse_connections(seconds))
    return {}


def _rate_limits(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    _need(values, "enabled")
    simulator.limits.enabled = bool(values["enabled"])
    return {"enabled": simulator.limits.enabled}


# Sessions


def _expire_sessions(simulator: "KiteSimulator", _: Values) -> dict[str, Any]:
    simulator.expire_sessions()
    return {}


def _request_token(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    user_id = _exchange(simulator, values).user_id
    return {"user_id": user_id, "request_token": simulator.request_token(user_id)}


def _login(simulator: "KiteSimulator", values: Values) -> dict[str, Any]:
    user_id = _exchange(simulator, values).user_id
    return {"user_id": user_id, "access_token": simulator.login(user_id)}


ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "state"): _state,
    ("GET", "ledger"): _ledger,
    ("GET", "journal"): _journal,
    ("GET", "postbacks"): _sent_postbacks,
    ("POST", "price"): _price,
    ("POST", "clock"): _clock,
    ("POST", "open"): _open,
    ("POST", "close"): _close,
    ("POST", "end-day"): _end_day,
    ("POST", "limit-depth"): _limit_depth,
    ("POST", "square-off"): _square_off,
    ("POST", "place-outside"): _place_outside,
    ("POST", "faults"): _faults,
    ("POST", "behaviour"): _behaviour,
    ("POST", "release"): _release,
    ("POST", "revise"): _revise,
    ("POST", "deposit"): _deposit,
    ("POST", "end-trigger"): _end_trigger,
    ("POST", "postbacks"): _postback_knobs,
    ("POST", "refuse-connections"): _refuse,
    ("POST", "rate-limits"): _rate_limits,
    ("POST", "expire-sessions"): _expire_sessions,
    ("POST", "request-token"): _request_token,
    ("POST", "login"): _login,
}
