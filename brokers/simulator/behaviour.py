"""How the simulated exchange may be told to misbehave. Pure data with a count of uses."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any


@dataclass
class Behaviour:
    """Knobs of one exchange. Those in `PER_ORDER` act on the next order only, or on the next
    `times[name]` orders; all others hold until they are set back."""

    reject_async: str | None = None
    """The order gets an id and ends REJECTED with this status message."""
    ack_only: bool = False
    """New orders stay at PUT ORDER REQ RECEIVED until this is unset."""
    step_delay: float = 0.0
    """Seconds of simulated time between two status steps; 0: all steps at the next tick."""
    unfilled_market: bool = False
    """A market order becomes a limit order within its protection and rests unfilled."""
    partial_fill: int | None = None
    """The order fills so many and rests until `set_price` on its symbol or `release`."""
    partial_then_cancel: int | None = None
    """The order fills so many; the exchange cancels the rest."""
    book_lag: float = 0.0
    """Real seconds for which a new order is missing from the order book and its history."""
    duplicate_rows: bool = False
    """The order book shows every row twice."""
    circuit: tuple[str, str, Decimal, Decimal] | None = None
    """(exchange, tradingsymbol, lower, upper): the daily range of that one instrument."""
    margin_reject: bool = False
    freeze_reject: bool = False
    ip_reject: bool = False
    market_closed: bool = False
    needs_authorisation: bool = False
    """CNC sales of holdings need an authorisation at the depository first."""
    cancel_fails: str | None = None
    """The cancel request is answered with this message and changes nothing."""
    cancel_completes: bool = False
    """The order fills while its cancellation is pending."""
    late_fill: float | None = None
    """So many simulated seconds after its cancellation the order turns out to be filled."""
    revise_average: Decimal | None = None
    """So much is added to the average price at the first tick after the order completed."""
    times: dict[str, int] = field(default_factory=dict)
    """How many more orders a per-order knob acts on; 1 where it is not named."""

    def __post_init__(self) -> None:
        self._stale = False
        self._stale_changed: Callable[[bool], None] = _ignore

    @property
    def stale_book(self) -> bool:
        """While set, the order book answers as it was at the moment of setting."""
        return self._stale

    @stale_book.setter
    def stale_book(self, value: bool) -> None:
        self._stale = value
        self._stale_changed(value)

    def on_stale(self, changed: Callable[[bool], None]) -> None:
        """`changed` is called with the new value whenever `stale_book` is set."""
        self._stale_changed = changed

    def take(self, name: str) -> Any:
        """The value of a per-order knob, used up by one."""
        value = getattr(self, name)
        if value == _DEFAULTS[name]:
            return value
        left = self.times.pop(name, 1) - 1
        if left > 0:
            self.times[name] = left
        else:
            setattr(self, name, _DEFAULTS[name])
        return value

    def set(self, name: str, value: Any, *, times: int = 1) -> None:
        """Set one knob by name, as the admin endpoint does. ValueError for an unknown name."""
        if name not in KNOBS:
            raise ValueError(f"unknown behaviour {name!r}; known: {', '.join(sorted(KNOBS))}")
        setattr(self, name, _read(name, value))
        if name in PER_ORDER and times > 1:
            self.times[name] = times

    def clear(self) -> None:
        """Behave again."""
        self.times.clear()
        self.stale_book = False
        for name, value in _DEFAULTS.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able state of every knob."""
        state: dict[str, Any] = {name: _plain(getattr(self, name)) for name in sorted(KNOBS)}
        state["times"] = dict(self.times)
        return state


def _ignore(_: bool) -> None:
    """Nobody watches the knob yet."""


def _read(name: str, value: Any) -> Any:
    """A knob's value out of JSON. ValueError when it is of the wrong kind."""
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise ValueError(f"{name}: give true or false")
        return value
    if name in {"step_delay", "book_lag"} or (name == "late_fill" and value is not None):
        return float(value)
    if value is None:
        return None
    if name == "circuit":
        exchange, symbol, lower, upper = value
        return (str(exchange), str(symbol), Decimal(str(lower)), Decimal(str(upper)))
    if name == "revise_average":
        return Decimal(str(value))
    kind = int if name in {"partial_fill", "partial_then_cancel"} else str
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name}: give {'a whole number' if kind is int else 'a text'} or null")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


PER_ORDER = frozenset(
    {
        "reject_async",
        "partial_fill",
        "partial_then_cancel",
        "cancel_fails",
        "cancel_completes",
        "late_fill",
        "revise_average",
    }
)
_FLAGS = frozenset(
    {
        "ack_only",
        "unfilled_market",
        "duplicate_rows",
        "stale_book",
        "margin_reject",
        "freeze_reject",
        "ip_reject",
        "market_closed",
        "needs_authorisation",
        "cancel_completes",
    }
)
_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Behaviour) if f.name != "times"}
KNOBS = frozenset(_DEFAULTS) | {"stale_book"}
