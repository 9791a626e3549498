"""Contracts that expire with something open: settled once, after the close of their last day.

Our lots and the paper book are closed by a settlement, which is no order and is sent to nobody. Its
price is what the contract is worth by what its underlying was last told at after the close; where
that is not known the units are gone all the same, and a person states the price.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from django.db import DatabaseError
from django.db.models import Max, Q, QuerySet

from brokers.models import AccountPosition, PriceSource, PriceTick
from brokers.paper import expiry as paper
from sigmatrader import clock
from sigmatrader.db import Busy, write_transaction
from trading.domain.expiry import (
    Terms,
    is_contract,
    settlement_price,
    underlying_of,
)
from trading.domain.off_hours import book_day
from trading.domain.order import AT_BROKER, Status
from trading.domain.session import at_time, trading_day
from trading.domain.values import InstrumentKey
from trading.models import Fill, Order, Position, Settlement
from trading.services import ledger
from trading.services.contract_terms import closed_at, has_ended, terms_of
from trading.services.errors import InvalidChange
from trading.templatetags.money import price as price_words

logger = logging.getLogger(__name__)

MAX_PRICE: Final = Decimal(10_000_000)


@dataclass(frozen=True, slots=True)
class _Price:
    """What a contract is settled at, in rupees a unit; None: not known. `basis`: by what."""

    value: Decimal | None
    basis: str
    stated_by: str = ""


# -- by the worker -------------------------------------------------------------------------------


def settle_due(now: datetime) -> int:
    """Settle what is open of contracts whose last session is over; how many positions were.

    Safe to run at any moment, in any number of workers: what is settled is not open any more.
    """
    over = [(one, terms) for one, terms in _open_contracts() if has_ended(terms, now)]
    return sum(_settle_by_itself(position, terms, now) for position, terms in over)


def _settle_by_itself(position: Position, terms: Terms, now: datetime) -> bool:
    """One that can't be settled does not stop the others."""
    try:
        return _settle_one(position, terms, now)
    except (DatabaseError, Busy):
        raise
    except Exception:
        logger.exception("%s can't be settled", position)
        return False


def _settle_one(position: Position, terms: Terms, now: datetime) -> bool:
    if _lives_at_the_broker(position, terms):
        return False
    if position.connection.simulated:
        _end_paper_orders(position, now)
    if _may_still_fill(position):
        return False
    closes = closed_at(terms)
    return _settle(position, terms.expiry, closes, _price_of(position, terms, closes))


def _open_contracts() -> list[tuple[Position, Terms]]:
    """Every open position in a contract of which it is known when it ends."""
    held = [one for one in _open_positions() if is_contract(_key(one))]
    terms = terms_of(_key(one) for one in held)
    return [(one, terms[_key(one)]) for one in held if _key(one) in terms]


def _open_positions() -> Iterable[Position]:
    return Position.objects.exclude(qty=0).select_related("connection").order_by("pk")


def _lives_at_the_broker(position: Position, terms: Terms) -> bool:
    """Whether the broker shows it on a later day: then it has not expired, whatever the list says.
    Nothing is settled against the broker's word."""
    return any(
        book_day(read_at) > terms.expiry
        for read_at in _shown(position).values_list("read_at", flat=True)
    )


def _shown(position: Position) -> QuerySet[AccountPosition]:
    """What the account's broker shows to be open of the contract, in any product; paper's own
    book proves nothing."""
    rows = AccountPosition.objects.filter(
        connection=position.connection,
        exchange=position.exchange,
        tradingsymbol=position.symbol,
    ).exclude(quantity=0)
    return rows.none() if position.connection.simulated else rows


def _end_paper_orders(position: Position, now: datetime) -> None:
    with write_transaction():
        paper.end_orders(position.connection, _key(position), now)


def _may_still_fill(position: Position) -> bool:
    """Whether an order of the contract has an end that is not known yet; resting triggers have
    nothing to fire at any more."""
    unfinished = Order.objects.filter(
        connection=position.connection,
        exchange=position.exchange,
        tradingsymbol=position.symbol,
        status__in=AT_BROKER,
    )
    return unfinished.exclude(Q(gtt=True, status=Status.SENT, broker_order_id="")).exists()


def _price_of(position: Position, terms: Terms, closes: datetime) -> _Price:
    """The price that the contract was settled at elsewhere, else what its underlying says."""
    earlier = (
        _settlements(_key(position)).filter(expired_on=terms.expiry, price__isnull=False).first()
    )
    if earlier is not None:
        return _Price(earlier.price, earlier.basis, earlier.stated_by)
    underlying = underlying_of(terms)
    if underlying is None:
        return _Price(None, f"The exchange names a price of its own for {terms.exchange}.")
    tick = _closing_tick(underlying, terms.expiry, closes)
    value = settlement_price(terms, tick.price) if tick is not None else None
    if tick is None or value is None:
        return _Price(None, f"No price of {underlying} was told after the close of that day.")
    told_at = f"{tick.at.astimezone(clock.IST):%H:%M}"
    return _Price(value, f"{underlying} at {price_words(tick.price)}, told at {told_at}.")


def _closing_tick(key: InstrumentKey, day: date, closes: datetime) -> PriceTick | None:
    """What the market last told of the instrument on that day after the close; alerts are none."""
    ticks = PriceTick.objects.filter(
        exchange=key.exchange,
        tradingsymbol=key.tradingsymbol,
        at__gte=closes,
        at__lt=at_time(day + timedelta(days=1), time()),
    )
    return ticks.exclude(source=PriceSource.ALERT).order_by("-id").first()


# -- by a person ---------------------------------------------------------------------------------


def state_price(
    key: InstrumentKey, price: Decimal, *, actor: str, expired_on: date | None = None
) -> int:
    """What the contract was settled at, by a person's word, in every account; how many positions.

    It replaces what was known before. `expired_on` closes what is open of a contract that the
    instrument list does not have. Raises InvalidChange, with the fields `price` and `expired_on`.
    """
    if not (price.is_finite() and 0 <= price <= MAX_PRICE):
        raise InvalidChange("This is no price.", errors={"price": ["0 or more: 0 if worthless."]})
    said = _Price(price, f"Stated by {actor}.", actor)
    with write_transaction():
        settled = list(_settlements(key).order_by("pk"))
        held = [one for one in unlisted() if _key(one) == key]
        if expired_on is not None:
            _check_day(held, expired_on)
            terms = Terms(key.exchange, "", "", expired_on)
            done = sum(_settle(one, expired_on, closed_at(terms), said) for one in held)
        else:
            done = 0
        for one in settled:
            _restate(one, said)
    if not settled and not done:
        raise InvalidChange(f"Nothing of {key} waits for a price.")
    return len(settled) + done


def unlisted() -> list[Position]:
    """Open positions in contracts of which nobody knows when they end."""
    held = [one for one in _open_positions() if is_contract(_key(one))]
    known = terms_of(_key(one) for one in held)
    return [one for one in held if _key(one) not in known]


def _check_day(held: Iterable[Position], expired_on: date) -> None:
    now = clock.now()
    for one in held:
        if expired_on > trading_day(now):
            raise _wrong_day("A day that has been: a contract that trades is closed by an order.")
        last = _fills(one).aggregate(at=Max("at"))["at"]
        if last is not None and trading_day(last) > expired_on:
            raise _wrong_day(f"It traded on {trading_day(last):%d %b %Y}: no day before that.")
        if any(book_day(at) > expired_on for at in _shown(one).values_list("read_at", flat=True)):
            raise _wrong_day(f"{one.connection.name} shows it as open: exit it with an order.")


def _wrong_day(text: str) -> InvalidChange:
    return InvalidChange("The contract can't have expired then.", errors={"expired_on": [text]})


# -- one position --------------------------------------------------------------------------------


def _settle(position: Position, expired_on: date, closes: datetime, price: _Price) -> bool:
    """Close all that is open by one settlement; False when somebody has done it."""
    with write_transaction():
        locked = Position.objects.select_for_update().get(pk=position.pk)
        if not locked.qty:
            return False
        settlement = Settlement.objects.create(
            connection_id=locked.connection_id,
            exchange=locked.exchange,
            symbol=locked.symbol,
            product=locked.product,
            qty=locked.qty,
            price=price.value,
            multiplier=locked.multiplier,
            expired_on=expired_on,
            at=closes,
            after_fill=_fills(locked).aggregate(last=Max("pk"))["last"] or 0,
            basis=price.basis,
            stated_by=price.stated_by,
        )
        ledger.settle_position(locked, settlement)
        if position.connection.simulated:
            paper.settle(position.connection, _key(locked), locked.product, price.value, closes)
    level = logging.INFO if price.value is not None else logging.WARNING
    logger.log(level, "%s on %s: %s", settlement, position.connection.name, price.basis)
    return True


def _restate(settlement: Settlement, price: _Price) -> None:
    """Give a settlement another price, and work out again what followed from the old one."""
    position = Position.objects.select_for_update().get(
        connection_id=settlement.connection_id,
        exchange=settlement.exchange,
        symbol=settlement.symbol,
        product=settlement.product,
    )
    now = clock.now()
    before = "not known" if settlement.price is None else price_words(settlement.price)
    line = f"{now.astimezone(clock.IST):%d %b %Y %H:%M}: until then {before}. {settlement.basis}"
    settlement.history = "\n".join(filter(None, (settlement.history, line)))
    settlement.price, settlement.basis = price.value, price.basis
    settlement.stated_by = price.stated_by
    settlement.save(update_fields=["price", "basis", "stated_by", "history"])
    ledger.rebuild(position)
    Position.objects.filter(pk=position.pk).update(last_updated=now, last_price=price.value)
    if settlement.connection.simulated and price.value is not None:
        paper.state_price(settlement.connection, _key(position), settlement.product, price.value)


def _settlements(key: InstrumentKey) -> QuerySet[Settlement]:
    return Settlement.objects.filter(
        exchange=key.exchange, symbol=key.tradingsymbol
    ).select_related("connection")


def _fills(position: Position) -> QuerySet[Fill]:
    return Fill.objects.filter(
        connection_id=position.connection_id,
        exchange=position.exchange,
        symbol=position.symbol,
        product=position.product,
    )


def _key(position: Position) -> InstrumentKey:
    return InstrumentKey(position.exchange, position.symbol)
