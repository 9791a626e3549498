"""Where in a body its values stand, and what went wrong while reading them. Pure.

A value is looked for in `signal`, then in `trade_details`, then at the root. So the nested, the
flat and the meta/signal/hints forms are one form with different parts left out.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from trading.webhooks.fields import FieldError, PlaceholderError, is_missing
from trading.webhooks.text import shown

Value = TypeVar("Value")
Part = dict[str, Any]

SPELLINGS = {
    "Exchange": "exchange",
    "tradeDetails": "trade_details",
    "alertId": "alert_id",
    "alertMessage": "alert_message",
    "barTime": "bar_time",
    "limitPrice": "limit_price",
    "marketPosition": "market_position",
    "orderAction": "order_action",
    "orderAlertMessage": "order_alert_message",
    "orderComment": "order_comment",
    "orderContracts": "order_contracts",
    "orderId": "order_id",
    "orderPrice": "order_price",
    "orderType": "order_type",
    "positionSize": "position_size",
    "productHint": "product_hint",
    "refPrice": "ref_price",
    "strategyId": "strategy_id",
    "strategyName": "strategy_name",
    "tradeType": "trade_type",
    "triggerPrice": "trigger_price",
}


class Found(NamedTuple):
    """A value and its path, "trade_details.quantity"."""

    path: str
    value: object


class Layers:
    """The parts of one body in the order in which they are asked; collects errors and warnings.

    errors: by path. warnings: for the alert. person_reasons: why it must not be AUTO.
    """

    def __init__(self, data: Part) -> None:
        self.errors: dict[str, list[str]] = {}
        self.unfilled = False  # a deciding field held a {{placeholder}}
        self.warnings: list[str] = []
        self.person_reasons: list[str] = []
        self.root = self._snake("", data)
        self.signal = self._part(self.root, "signal")
        self.meta = self._part(self.root, "meta") or {}
        details = self._part(self.root, "trade_details")
        self.layers: list[tuple[str, Part]] = [("", self.root)]
        if details is not None:
            self.layers.insert(0, ("trade_details.", details))
        if self.signal is not None:
            self.layers.insert(0, ("signal.", self.signal))
        self.hints = self._hints(self.root) | self._hints(self.signal or {})

    def find(self, *names: str, missing: Callable[[object], bool] = is_missing) -> Found | None:
        """The first of `names` that is given, the innermost layer first."""
        for prefix, part in self.layers:
            for name in names:
                if name in part and not missing(part[name]):
                    return Found(prefix + name, part[name])
        return None

    def find_in(self, prefix: str, name: str) -> Found | None:
        """In one part only: "signal.", "meta." or "" for the root."""
        part = {"signal.": self.signal or {}, "meta.": self.meta, "": self.root}[prefix]
        return None if is_missing(part.get(name)) else Found(prefix + name, part[name])

    def hint(self, name: str) -> Found | None:
        value = self.hints.get(name)
        return None if is_missing(value) else Found(f"hints.{name}", value)

    def read(self, found: Found | None, reader: Callable[[object], Value]) -> Value | None:
        """A field that decides: what the reader refuses is an error of the alert."""
        if found is None:
            return None
        try:
            return reader(found.value)
        except FieldError as error:
            self.error(found.path, error)
            return None

    def read_leniently(
        self, found: Found | None, reader: Callable[[object], Value]
    ) -> Value | None:
        """A field that decides nothing: what the reader refuses is left out with a warning."""
        if found is None:
            return None
        try:
            return reader(found.value)
        except FieldError as error:
            self.warnings.append(f"{found.path} is left out: {error}")
            return None

    def error(self, path: str, error: FieldError | str) -> None:
        self.errors.setdefault(path, []).append(str(error))
        self.unfilled = self.unfilled or isinstance(error, PlaceholderError)

    def to_person(self, reason: str) -> None:
        """The signal is good, but a person must look at it."""
        self.warnings.append(reason)
        self.person_reasons.append(reason)

    def _part(self, root: Part, name: str) -> Part | None:
        value = root.get(name)
        if is_missing(value):
            return None
        if isinstance(value, dict):
            return self._snake(f"{name}.", value)
        self.error(name, f"must be an object, {{…}}, and is {shown(value)}.")
        return None

    def _hints(self, part: Part) -> Part:
        hints = part.get("hints")
        if is_missing(hints):
            return {}
        if isinstance(hints, dict):
            return self._snake("hints.", hints)
        self.warnings.append(f"hints is left out: it must be an object, and is {shown(hints)}.")
        return {}

    def _snake(self, prefix: str, part: Part) -> Part:
        """`part` with the known camelCase keys in snake_case."""
        if part.keys().isdisjoint(SPELLINGS):
            return part
        plain = {key: value for key, value in part.items() if key not in SPELLINGS}
        for key, value in part.items():
            name = SPELLINGS.get(key)
            if name is not None and plain.setdefault(name, value) != value:
                self.error(f"{prefix}{key}", f"differs from {prefix}{name}. Keep one of the two.")
        return plain
