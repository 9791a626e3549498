"""When contracts end, and what they are settled at. Pure.

Options and futures on shares and indices are settled at the closing price of what they stand for.
Of commodities and currencies the exchange names a price of its own, which nobody here knows.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from trading.domain.calendar import EXCHANGES, Calendar, Segment
from trading.domain.session import at_time, session_on
from trading.domain.symbols import (
    CALL,
    FUTURE,
    PUT,
    Option,
    contract_of,
    is_index_underlying,
)
from trading.domain.values import InstrumentKey

# So long after the close a contract has expired and is settled: the closing prices are made by
# then, and the last fills of the day are known.
SETTLES_AFTER: Final = timedelta(minutes=20)

_ZERO: Final = Decimal(0)
_CONTRACT_EXCHANGES: Final = frozenset(
    name for segment, names in EXCHANGES.items() if segment is not Segment.EQUITY for name in names
)
_CASH_OF: Final = {"NFO": "NSE", "BFO": "BSE"}
# The broker's names of the indices that contracts are made of.
_INDICES: Final = {
    "NIFTY": InstrumentKey("NSE", "NIFTY 50"),
    "BANKNIFTY": InstrumentKey("NSE", "NIFTY BANK"),
    "FINNIFTY": InstrumentKey("NSE", "NIFTY FIN SERVICE"),
    "MIDCPNIFTY": InstrumentKey("NSE", "NIFTY MID SELECT"),
    "NIFTYNXT50": InstrumentKey("NSE", "NIFTY NEXT 50"),
    "SENSEX": InstrumentKey("BSE", "SENSEX"),
    "BANKEX": InstrumentKey("BSE", "BANKEX"),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract is: CE, PE or FUT, of which underlying as the list calls it, until when.

    `expiry` is the last day on which it trades.
    """

    exchange: str
    kind: str
    underlying: str
    expiry: date
    strike: Decimal | None = None


def is_contract(key: InstrumentKey) -> bool:
    """Whether the instrument ends one day, by its exchange or by how it is written."""
    return key.exchange in _CONTRACT_EXCHANGES or written_terms(key) is not None


def written_terms(key: InstrumentKey) -> Terms | None:
    """What TradingView's name for an option says; None for every other name."""
    option = contract_of(key.tradingsymbol)
    if not isinstance(option, Option):
        return None
    exchange = {"NSE": "NFO", "BSE": "BFO"}.get(key.exchange, key.exchange)
    return Terms(exchange, option.kind, option.root, option.expiry, option.strike)


def expires_at(terms: Terms, calendar: Calendar) -> datetime:
    """The close of the contract's last session; the end of that day where its hours are not
    known."""
    session = session_on(terms.exchange, terms.expiry, calendar)
    if session is not None:
        return session.closes_at
    return at_time(terms.expiry, time(23, 59, 59))


def underlying_of(terms: Terms) -> InstrumentKey | None:
    """What the contract is settled by; None where that is no price of an instrument."""
    cash = _CASH_OF.get(terms.exchange)
    if cash is None:
        return None
    if is_index_underlying(terms.underlying):
        index = _INDICES.get(terms.underlying)
        return index if index is not None and index.exchange == cash else None
    return InstrumentKey(cash, terms.underlying)


def settlement_price(terms: Terms, underlying: Decimal) -> Decimal | None:
    """Rupees a unit at that closing price of the underlying: what an option is worth by it, a
    future that price. None for what is neither."""
    if terms.kind == FUTURE:
        return underlying
    if terms.strike is None:
        return None
    if terms.kind == CALL:
        return max(underlying - terms.strike, _ZERO)
    if terms.kind == PUT:
        return max(terms.strike - underlying, _ZERO)
    return None
