"""Which contracts have ended, by the instrument list and by the calendar."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from trading.domain.expiry import SETTLES_AFTER, Terms, expires_at, is_contract, written_terms
from trading.domain.session import trading_day
from trading.domain.symbols import CALL, FUTURE, PUT
from trading.domain.values import InstrumentKey
from trading.models import Instrument
from trading.services import calendar

_KINDS = (CALL, PUT, FUTURE)


def terms_of(keys: Iterable[InstrumentKey]) -> dict[InstrumentKey, Terms]:
    """What is known of the contracts among `keys`: by the list, else by how they are written.

    One query, and none where nothing among them is a contract.
    """
    wanted = {key for key in keys if is_contract(key)}
    if not wanted:
        return {}
    found = {key: terms for key in wanted if (terms := written_terms(key)) is not None}
    rows = Instrument.objects.filter(
        exchange__in={key.exchange for key in wanted},
        tradingsymbol__in={key.tradingsymbol for key in wanted},
        instrument_type__in=_KINDS,
        expiry__isnull=False,
    ).order_by()
    for row in rows:
        key, terms = InstrumentKey(row.exchange, row.tradingsymbol), listed_terms(row)
        if key in wanted and terms is not None:
            found[key] = terms
    return found


def listed_terms(row: Instrument) -> Terms | None:
    """What the list says of a contract; None of what never ends."""
    if row.expiry is None or row.instrument_type not in _KINDS:
        return None
    return Terms(row.exchange, row.instrument_type, row.name, row.expiry, row.strike)


def closed_at(terms: Terms) -> datetime:
    """When the contract's last session ends, by the calendar in use."""
    return expires_at(terms, calendar.current())


def has_ended(terms: Terms, now: datetime) -> bool:
    """Whether the last session is over for good. An exit at the bell is not stopped by a calendar
    that is some minutes wrong."""
    return closed_at(terms) + SETTLES_AFTER <= now


def ended(keys: Iterable[InstrumentKey], now: datetime) -> Mapping[InstrumentKey, Terms]:
    """The contracts among `keys` that have expired: nothing can be traded of them any more."""
    return {key: terms for key, terms in terms_of(keys).items() if has_ended(terms, now)}


def ended_before_today(keys: Iterable[InstrumentKey], now: datetime) -> frozenset[InstrumentKey]:
    """The contracts among `keys` whose last day is over: they are no part of today's P&L."""
    today = trading_day(now)
    return frozenset(key for key, terms in terms_of(keys).items() if terms.expiry < today)
