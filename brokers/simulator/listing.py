"""The simulator's instruments: a few hundred rows of the kind found in Kite's daily list.

Expiries follow the weekdays of the exchanges (NIFTY Tuesday, SENSEX Thursday, months by their
last one) and move to the trading day before a holiday. Prices are invented.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from trading.domain.session import session_on

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)
_SEGMENT_CODE = {
    "NSE": 1,
    "NFO": 2,
    "CDS": 3,
    "BSE": 4,
    "BFO": 5,
    "MCX": 7,
    "INDICES": 9,
}
CASH_FREEZE = 100_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of the list, with what the list leaves out: contract multiplier and freeze limit.

    `price` is where trading starts; `lot_size` counts units, on MCX and CDS lots (so 1).
    """

    exchange: str
    tradingsymbol: str
    name: str
    price: Decimal
    tick_size: Decimal
    kind: str
    segment: str
    exchange_token: int
    lot_size: int = 1
    multiplier: int = 1
    freeze: int = CASH_FREEZE
    expiry: date | None = None
    strike: Decimal = Decimal(0)
    fno: bool = False
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.exchange}:{self.tradingsymbol}")

    @property
    def token(self) -> int:
        code = _SEGMENT_CODE["INDICES" if self.is_index else self.exchange]
        return self.exchange_token * 256 + code

    @property
    def is_index(self) -> bool:
        return self.segment == "INDICES"

    @property
    def is_option(self) -> bool:
        return self.kind in {"CE", "PE"}

    @property
    def is_equity(self) -> bool:
        return self.exchange in {"NSE", "BSE"} and not self.is_index

    def csv_row(self, price: Decimal) -> str:
        name = f'"{self.name}"' if self.name else ""
        expiry = self.expiry.isoformat() if self.expiry else ""
        return (
            f"{self.token},{self.exchange_token},{self.tradingsymbol},{name},{price},{expiry},"
            f"{self.strike},{self.tick_size},{self.lot_size},{self.kind},{self.segment},"
            f"{self.exchange}"
        )


class Listing:
    """The instruments that trade on one day, by `EXCHANGE:TRADINGSYMBOL`."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_key = {instrument.key: instrument for instrument in instruments}
        self._by_token = {instrument.token: instrument for instrument in self}

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, key: str) -> Instrument | None:
        """By `EXCHANGE:TRADINGSYMBOL`, or by instrument token in digits as quotes allow."""
        found = self._by_key.get(key)
        if found is None and key.isascii() and key.isdigit():
            return self._by_token.get(int(key))
        return found


def listing_for(day: date) -> Listing:
    """The instruments of `day`."""
    rows = [*_cash(), *_indices()]
    for root in _ROOTS:
        rows += root.contracts(day)
    return Listing(_with_tokens(rows))


def equity_tick(price: Decimal) -> Decimal:
    """The tick size of an NSE or BSE share by its price band."""
    for limit, tick in _TICK_BANDS:
        if price < limit:
            return tick
    return Decimal(5)


_TICK_BANDS = tuple(
    (Decimal(limit), Decimal(tick))
    for limit, tick in (
        (250, "0.01"),
        (1000, "0.05"),
        (5000, "0.1"),
        (10000, "0.5"),
        (20000, "1"),
    )
)
_FNO_SHARES = """INFY 1500|RELIANCE 1400|TCS 3100|HDFCBANK 980|ICICIBANK 1360|SBIN 930
KOTAKBANK 2100|AXISBANK 1230|ITC 405|LT 3950|BHARTIARTL 2080|HINDUNILVR 2420|MARUTI 15800
TATASTEEL 172|TATAPOWER 392|TMPV 405|SUNPHARMA 1740|WIPRO 245|HCLTECH 1620|TECHM 1440
M&M 3650|M&MFIN 318|J&KBANK 104|BAJAJ-AUTO 8900|BAJFINANCE 1010|BAJAJFINSV 2060|NAM-INDIA 860
ADANIENT 2450|ADANIPORTS 1480|ASIANPAINT 2850|CIPLA 1520|COALINDIA 380|DRREDDY 1240
EICHERMOT 7100|GRASIM 2740|HDFCLIFE 760|HEROMOTOCO 5600|HINDALCO 800|JSWSTEEL 1170
NESTLEIND 1270|NTPC 326|ONGC 248|POWERGRID 276|SBILIFE 1990|TITAN 3860|TRENT 4350
ULTRACEMCO 11800|VEDL 510|YESBANK 22.5|IDEA 10.2|PNB 122|BANKBARODA 288|CANBK 148|IRCTC 690
ZYDUSLIFE 940|DMART 4000|ETERNAL 302|PAYTM 1290|POLYCAB 7400|PAGEIND 39500"""
_OTHER_SHARES = """MRF 152000|CENTRALBK-BE 38.5|EMBASSY-RR 428|GVT&D 2900|MCDOWELL-N 1420
EMMBI-BL 101|SUZLON 55.4|NHPC 78.2|IRB 42.1|RVNL 318|HUDCO 232|NBCC 114|SJVN 83.5|TRIDENT 27.8
NIFTYBEES 294|GOLDBEES 102|SILVERBEES 148|LIQUIDBEES 1000|SHREECEM 26500|BOSCHLTD 37200"""
_BSE_SHARES = """INFY 1500|RELIANCE 1400|TCS 3100|HDFCBANK 980|SBIN 930|ITC 405|M&M 3650
BAJAJ-AUTO 8900|TATASTEEL 172|IDEA 10.2|ZOMATO-BE 300|SENSEXBEES 920"""
_TOKENS = {"NSE:INFY": 1594, "NSE:RELIANCE": 2885, "NSE:SBIN": 3045, "NSE:NIFTY 50": 1001}
_INDICES = (
    ("NSE", "NIFTY 50", "25950"),
    ("NSE", "NIFTY BANK", "58600"),
    ("NSE", "NIFTY FIN SERVICE", "27400"),
    ("NSE", "NIFTY MID SELECT", "13900"),
    ("NSE", "NIFTY NEXT 50", "69200"),
    ("NSE", "INDIA VIX", "12.4"),
    ("BSE", "SENSEX", "84900"),
    ("BSE", "BANKEX", "65800"),
)


def _shares(text: str) -> Iterator[tuple[str, Decimal]]:
    for entry in text.replace("\n", "|").split("|"):
        symbol, price = entry.split()
        yield symbol, Decimal(price)


def _cash() -> Iterator[Instrument]:
    for exchange, text, fno in (
        ("NSE", _FNO_SHARES, True),
        ("NSE", _OTHER_SHARES, False),
        ("BSE", _BSE_SHARES, False),
    ):
        for symbol, price in _shares(text):
            tick = equity_tick(price)
            yield Instrument(
                exchange, symbol, symbol, price, tick, "EQ", exchange, exchange_token=0, fno=fno
            )


def _indices() -> Iterator[Instrument]:
    for exchange, symbol, price in _INDICES:
        tick = Decimal("0.05")
        yield Instrument(
            exchange, symbol, symbol, Decimal(price), tick, "EQ", "INDICES", exchange_token=0
        )


@dataclass(frozen=True, slots=True)
class _Root:
    """One underlying and the contracts that are listed on it."""

    name: str
    exchange: str
    spot: Decimal
    tick: Decimal
    lot: int
    freeze: int
    weekday: int
    months: int = 3
    weeks: int = 0
    strikes: int = 0
    step: int = 0
    multiplier: int = 1

    def contracts(self, day: date) -> list[Instrument]:
        months = month_expiries(day, self.weekday, self.months, self.exchange)
        rows = [self._future(expiry, number) for number, expiry in enumerate(months)]
        if self.strikes:
            weeks = week_expiries(day, self.weekday, self.weeks, self.exchange)
            for expiry in sorted({*weeks, *months[:2]}):
                rows += self._chain(day, expiry, monthly=expiry in months)
        return rows

    def _future(self, expiry: date, number: int) -> Instrument:
        symbol = f"{self.name}{expiry:%y%b}".upper() + "FUT"
        carry = self.spot * Decimal(number + 1) * Decimal("0.004")
        return self._contract(symbol, self.spot + carry, "FUT", expiry)

    def _chain(self, day: date, expiry: date, *, monthly: bool) -> Iterator[Instrument]:
        middle = int(self.spot / self.step) * self.step
        days = Decimal(max((expiry - day).days, 1))
        for offset in range(-self.strikes, self.strikes + 1):
            strike = Decimal(middle + offset * self.step)
            for kind in ("CE", "PE"):
                symbol = f"{self.name}{_expiry_code(expiry, monthly=monthly)}{strike}{kind}"
                premium = self._premium(strike, kind, days)
                yield self._contract(symbol, premium, kind, expiry, strike)

    def _premium(self, strike: Decimal, kind: str, days: Decimal) -> Decimal:
        inside = self.spot - strike if kind == "CE" else strike - self.spot
        at_money = self.spot * Decimal("0.004") * (days / 5).sqrt()
        distance = abs(inside) / at_money
        return max(inside, Decimal(0)) + at_money / (1 + distance * distance)

    def _contract(
        self, symbol: str, price: Decimal, kind: str, expiry: date, strike: Decimal = Decimal(0)
    ) -> Instrument:
        ticks = max(round(price / self.tick), 1)
        return Instrument(
            self.exchange,
            symbol,
            self.name,
            ticks * self.tick,
            self.tick,
            kind,
            f"{self.exchange}-{'FUT' if kind == 'FUT' else 'OPT'}",
            exchange_token=0,
            lot_size=self.lot,
            multiplier=self.multiplier,
            freeze=self.freeze,
            expiry=expiry,
            strike=strike,
        )


_NICKEL = Decimal("0.05")
_ROOTS = (
    _Root("NIFTY", "NFO", Decimal(25950), _NICKEL, 65, 1800, 1, weeks=3, strikes=6, step=50),
    _Root("BANKNIFTY", "NFO", Decimal(58600), _NICKEL, 30, 600, 1, strikes=6, step=100),
    _Root("FINNIFTY", "NFO", Decimal(27400), _NICKEL, 60, 1800, 1, strikes=4, step=50),
    _Root("SENSEX", "BFO", Decimal(84900), _NICKEL, 20, 1000, 3, weeks=3, strikes=6, step=100),
    _Root("GOLD", "MCX", Decimal(125400), Decimal(1), 1, 10, 3, multiplier=100),
    _Root("GOLDM", "MCX", Decimal(125200), Decimal(1), 1, 100, 3, multiplier=10),
    _Root("SILVER", "MCX", Decimal(158300), Decimal(1), 1, 20, 3, multiplier=30),
    _Root("SILVERM", "MCX", Decimal(158400), Decimal(1), 1, 120, 3, multiplier=5),
    _Root("CRUDEOIL", "MCX", Decimal(5240), Decimal(1), 1, 100, 3, multiplier=100),
    _Root("NATURALGAS", "MCX", Decimal(402), Decimal("0.1"), 1, 48, 3, multiplier=1250),
    _Root("USDINR", "CDS", Decimal("88.6"), Decimal("0.0025"), 1, 10000, 3, multiplier=1000),
)


def month_expiries(day: date, weekday: int, count: int, exchange: str) -> list[date]:
    """The next `count` monthly expiries on or after `day`: each month's last `weekday`."""
    found: list[date] = []
    first = day.replace(day=1)
    while len(found) < count:
        following = (first + timedelta(days=31)).replace(day=1)
        last = following - timedelta(days=1)
        expiry = _trading_day(last - timedelta(days=(last.weekday() - weekday) % 7), exchange)
        if expiry >= day:
            found.append(expiry)
        first = following
    return found


def week_expiries(day: date, weekday: int, count: int, exchange: str) -> list[date]:
    """The next `count` weekly expiries on or after `day`."""
    found: list[date] = []
    nominal = day + timedelta(days=(weekday - day.weekday()) % 7)
    while len(found) < count:
        expiry = _trading_day(nominal, exchange)
        if expiry >= day:
            found.append(expiry)
        nominal += timedelta(days=7)
    return found


def _trading_day(day: date, exchange: str) -> date:
    while session_on(exchange, day) is None:
        day -= timedelta(days=1)
    return day


def _expiry_code(expiry: date, *, monthly: bool) -> str:
    """`26DEC` for a month's last expiry, `26D08` for a week's (months 1–9, O, N, D)."""
    if monthly:
        return f"{expiry:%y%b}".upper()
    month = "123456789OND"[expiry.month - 1]
    return f"{expiry:%y}{month}{expiry:%d}"


def _with_tokens(rows: Iterable[Instrument]) -> Iterator[Instrument]:
    """Tokens that stay the same from day to day: derived from the key, moved on when taken."""
    taken = set(_TOKENS.values())
    for row in rows:
        token = _TOKENS.get(row.key)
        if token is None:
            token = zlib.crc32(row.key.encode()) % 900_000 + 5_000
            while token in taken:
                token += 1
            taken.add(token)
        yield replace(row, exchange_token=token)
