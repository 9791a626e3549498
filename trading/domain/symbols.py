"""How TradingView and Zerodha name instruments. Pure.

TradingView's names say what an instrument is; the broker's name for it is looked up in the
instrument list by that meaning, never put together from pieces.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

INDEX_SEGMENT = "INDICES"
FUTURE = "FUT"
CALL = "CE"
PUT = "PE"

# Their lists count lots and leave out what a lot is worth.
COUNTED_IN_LOTS = frozenset({"MCX", "NCO", "CDS", "BCD"})
CASH_EXCHANGES = frozenset({"NSE", "BSE"})

# Where the contracts are that TradingView shows under an exchange.
_CONTRACTS_OF: dict[str, tuple[str, ...]] = {
    "NSE": ("NFO", "CDS"),
    "BSE": ("BFO", "BCD"),
    "NFO": ("NFO",),
    "BFO": ("BFO",),
    "CDS": ("CDS",),
    "BCD": ("BCD",),
    "MCX": ("MCX",),
    "NCO": ("NCO",),
}
# Series that Zerodha writes behind an NSE share's symbol and TradingView leaves out.
_SERIES = ("BE", "BZ", "SM", "ST", "SZ", "RR", "IV")
# Indices as TradingView calls them, where Zerodha's name is another.
_INDEX_NAMES = {
    "NSE": frozenset({"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYJR", "INDIAVIX"}),
    "BSE": frozenset({"SENSEX", "BANKEX", "SENSEX50"}),
}
_INDEX_PREFIXES = ("CNX", "NIFTY_")
_MONTHS = "FGHJKMNQUVXZ"

_NOT_KEY = re.compile(r"[^A-Z0-9]")
_CONTINUOUS = re.compile(r"(?P<root>.+)(?P<position>[1-9])!")
_FUTURE = re.compile(rf"(?P<root>.+)(?P<month>[{_MONTHS}])(?P<year>20[0-9]{{2}})")
_OPTION = re.compile(
    r"(?P<root>.+)(?P<expiry>[0-9]{6})(?P<kind>[CP])(?P<strike>[0-9]{1,9}(\.[0-9]{1,4})?)"
)


@dataclass(frozen=True, slots=True)
class Future:
    """A future that expires in a month: NIFTYZ2026."""

    root: str
    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.root} future of {date(self.year, self.month, 1):%B %Y}"


@dataclass(frozen=True, slots=True)
class Option:
    """An option by its expiry day, kind (CE or PE) and strike: NIFTY261229C26000."""

    root: str
    expiry: date
    kind: str
    strike: Decimal

    def __str__(self) -> str:
        return f"{self.root} {self.strike:f} {self.kind} of {self.expiry:%d %b %Y}"


@dataclass(frozen=True, slots=True)
class Continuous:
    """A chart that runs from future to future. `position`: 1 the nearest, 2 the one after it."""

    root: str
    position: int

    def __str__(self) -> str:
        return f"{self.root}{self.position}!"


Contract = Future | Option | Continuous


def search_key(symbol: str) -> str:
    """Letters and digits alone: M_M, M&M and M-M look alike on purpose."""
    return _NOT_KEY.sub("", symbol.upper())


def contract_of(symbol: str) -> Contract | None:
    """What a TradingView symbol says of a contract; None when it is written like no contract."""
    if found := _CONTINUOUS.fullmatch(symbol):
        return Continuous(found["root"], int(found["position"]))
    if found := _FUTURE.fullmatch(symbol):
        return Future(found["root"], int(found["year"]), _MONTHS.index(found["month"]) + 1)
    if found := _OPTION.fullmatch(symbol):
        try:
            expiry = datetime.strptime(found["expiry"], "%y%m%d").date()  # noqa: DTZ007 - a day
        except ValueError:
            return None
        kind = CALL if found["kind"] == "C" else PUT
        return Option(found["root"], expiry, kind, Decimal(found["strike"]))
    return None


def contract_exchanges(exchange: str) -> tuple[str, ...]:
    """The broker's exchanges that list the contracts of `exchange`; none for an unknown one."""
    return _CONTRACTS_OF.get(exchange, ())


def exchanges_searched(exchange: str) -> tuple[str, ...]:
    """`exchange` and those that list its contracts; none for an exchange without orders."""
    contracts = contract_exchanges(exchange)
    return contracts if exchange in contracts or not contracts else (exchange, *contracts)


def is_index_name(exchange: str, symbol: str) -> bool:
    """Whether TradingView calls an index so."""
    home = "BSE" if exchange in ("BSE", "BFO") else "NSE" if exchange in ("NSE", "NFO") else ""
    if symbol in _INDEX_NAMES.get(home, ()):
        return True
    return home == "NSE" and symbol.startswith(_INDEX_PREFIXES)


def is_index_underlying(name: str) -> bool:
    """Whether contracts whose list calls their underlying `name` are of an index."""
    known = _INDEX_NAMES["NSE"] | _INDEX_NAMES["BSE"]
    return name in known or name.startswith("NIFTY")


def series_keys(exchange: str, symbol: str) -> tuple[str, ...]:
    """The search keys that `symbol` has with each of its exchange's series behind it."""
    if exchange != "NSE":
        return ()
    return tuple(search_key(symbol) + series for series in _SERIES)


def has_series(tradingsymbol: str) -> bool:
    """Whether the broker's symbol ends with a series, as CENTRALBK-BE does."""
    return tradingsymbol.rpartition("-")[2] in _SERIES and "-" in tradingsymbol
