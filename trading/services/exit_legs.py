"""The legs of a protection, checked against the position that they stand under. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from trading.domain.values import Side

Given = tuple[Decimal | None, Decimal | None]  # (trigger, limit price)
Errors = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Leg:
    """A LIMIT order at `price` that goes out once `trigger` is reached. `name`: stop or target."""

    name: str
    trigger: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Ground:
    """What legs are checked against. `side` is the exit's; unknown `tick` and `last` are None."""

    side: Side
    tick: Decimal | None
    last: Decimal | None
    most: Decimal

    @property
    def word(self) -> str:
        return "long" if self.side is Side.SELL else "short"


def legs_of(ground: Ground, stop: Given, target: Given) -> tuple[list[Leg], Errors]:
    """The legs that are given, the stop first, and what is wrong by field, with the fix.

    A trigger or price left out is the other of the two.
    """
    legs = []
    for name, (trigger, price) in (("stop", stop), ("target", target)):
        at, limit = trigger or price, price or trigger
        if at is not None and limit is not None:
            legs.append(Leg(name, at, limit))
    if not legs:
        return [], {"stop_trigger": ["Give a stop, a target, or both."]}
    errors: Errors = {}
    for leg in legs:
        errors |= _amounts(ground, leg) or _sides(ground, leg)
    sells = ground.side is Side.SELL
    if len(legs) == 2 and not errors and (legs[0].trigger < legs[1].trigger) != sells:
        word = "below" if sells else "above"
        errors["stop_trigger"] = [f"The stop of a {ground.word} must be {word} its target."]
    return legs, errors


def _amounts(ground: Ground, leg: Leg) -> Errors:
    for field, value in (("trigger", leg.trigger), ("price", leg.price)):
        if not 0 < value <= ground.most:
            return {f"{leg.name}_{field}": ["Enter a price above 0."]}
        if ground.tick and value % ground.tick:
            return {f"{leg.name}_{field}": [f"Use a multiple of the tick, {_plain(ground.tick)}."]}
    return {}


def _sides(ground: Ground, leg: Leg) -> Errors:
    errors: Errors = {}
    sells = ground.side is Side.SELL
    if leg.name == "stop" and (leg.price > leg.trigger if sells else leg.price < leg.trigger):
        word = "above" if sells else "below"
        errors["stop_price"] = [
            f"A limit {word} the trigger may never fill while the price runs away: "
            f"use {_plain(leg.trigger)} or beyond."
        ]
    below = sells == (leg.name == "stop")
    if ground.last is not None and (
        leg.trigger == ground.last or (leg.trigger < ground.last) != below
    ):
        errors[f"{leg.name}_trigger"] = [
            f"The {leg.name} of a {ground.word} must be {'below' if below else 'above'} "
            f"the last price, {_plain(ground.last)}."
        ]
    return errors


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
