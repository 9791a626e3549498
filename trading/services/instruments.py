"""From an alert's symbol to what the broker calls it.

Two indexed queries for most symbols, never more than three: this runs while an alert waits for
its answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Q

from sigmatrader import clock
from trading.domain import symbols
from trading.domain.session import trading_day
from trading.domain.symbols import Continuous, Contract, Future, Option, search_key
from trading.models import ContractRule, Instrument, Strategy, SymbolOverride

_MOST_NAMED = 3
_ADD_OVERRIDE = "To choose, add a symbol override in the admin."
# Later than every key that begins alike: keys hold letters and digits alone.
_LAST = "Z" * 40


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a symbol stands for; `problem` says why a person must look, empty when it is clear.

    `listed`: found in the instrument list. `overridden`: by a symbol override. Prices in rupees;
    `tick_size` is None, and the rest empty, for what is not listed.
    """

    exchange: str
    tradingsymbol: str
    lot_size: int = 1
    multiplier: Decimal = Decimal(1)
    problem: str = ""
    name: str = ""
    tick_size: Decimal | None = None
    instrument_type: str = ""
    segment: str = ""
    expiry: date | None = None
    strike: Decimal | None = None
    listed: bool = False
    overridden: bool = False

    @property
    def key(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}" if self.exchange else self.tradingsymbol


def resolve(
    exchange: str,
    symbol: str,
    *,
    strategy: Strategy | None = None,
    now: datetime | None = None,
    live: bool = False,
    maybe_overridden: bool = True,
) -> Resolution:
    """The instrument that an alert means by `symbol` on `exchange`, both upper case.

    A symbol override wins; then the exact name, the one look-alike, the one of another series,
    and the contract that TradingView's name describes. Never guesses: no match or several leave
    the symbol unchanged and say so in `problem`. Without any list the symbol is taken as it is;
    with `live` that too is a problem. `maybe_overridden`: False when the caller knows that no
    override is for this symbol.
    """
    today = trading_day(now or clock.now())
    override = _override(exchange, symbol, today) if maybe_overridden else ""
    if isinstance(override, SymbolOverride):
        found = _by_override(override, today, live)
        return replace(found, overridden=True)
    as_written = Resolution(exchange, symbol, problem=override)
    if override:
        return as_written
    searched = symbols.exchanges_searched(exchange)
    if not searched:
        return replace(as_written, problem=_no_such_exchange(exchange, symbol))
    contract = symbols.contract_of(symbol)
    rows = list(_candidates(exchange, symbol, contract, today))
    if isinstance(contract, Continuous):
        chosen = _continuous(contract, rows, strategy, today)
    else:
        chosen = _matches(exchange, symbol, contract, rows)
    if isinstance(chosen, list) and not chosen:
        return replace(as_written, problem=_nothing_found(as_written.key, searched, contract, live))
    if isinstance(chosen, str):
        return replace(as_written, problem=chosen)
    if len(chosen) > 1:
        return replace(as_written, problem=f"{as_written.key} {_may_be(chosen)}")
    return _resolution(chosen[0], today)


def listed(exchange: str, tradingsymbol: str, *, now: datetime | None = None) -> Resolution | None:
    """The instrument by the broker's own names as the list has it now; None when it has it not.

    `problem` as in `resolve`: an index, an expired contract, an unknown multiplier.
    """
    row = Instrument.objects.filter(exchange=exchange, tradingsymbol=tradingsymbol).first()
    return None if row is None else _resolution(row, trading_day(now or clock.now()))


def no_list(exchanges: Iterable[str]) -> bool:
    """Whether no instrument of these exchanges is listed."""
    return not Instrument.objects.filter(exchange__in=tuple(exchanges)).exists()


def list_gap(exchange: str, tradingsymbol: str) -> str:
    """Why an instrument that the list does not have can't be traded live."""
    return _nothing_found(f"{exchange}:{tradingsymbol}", (exchange,), None, live=True)


def not_tradable(row: Instrument, today: date) -> str:
    """Why the listed instrument takes no orders: an index, an expired contract. Else empty."""
    if row.segment == symbols.INDEX_SEGMENT:
        return _index_problem(str(row))
    if row.expiry is not None and row.expiry < today:
        return f"{row} expired on {row.expiry:%d %b %Y}: choose another contract."
    return ""


# -- overrides -----------------------------------------------------------------------------------


def _override(exchange: str, symbol: str, today: date) -> SymbolOverride | str:
    """The override that holds today; "" for none, and the problem when two contradict."""
    rows = [
        row
        for row in SymbolOverride.objects.filter(
            source_symbol=symbol, source_exchange__in=("", exchange)
        )
        if (row.valid_from is None or row.valid_from <= today)
        and (row.valid_until is None or today <= row.valid_until)
    ]
    if not rows:
        return ""
    # The one for this exchange before the one for any, the younger before the older.
    best = max(_rank(row) for row in rows)
    first, *others = [row for row in rows if _rank(row) == best]
    if any(
        (row.exchange, row.tradingsymbol) != (first.exchange, first.tradingsymbol) for row in others
    ):
        return f"Two symbol overrides for {symbol} contradict each other: remove one in the admin."
    return first


def _rank(row: SymbolOverride) -> tuple[bool, date]:
    return bool(row.source_exchange), row.valid_from or date.min


def _by_override(override: SymbolOverride, today: date, live: bool) -> Resolution:
    exchange, tradingsymbol = override.exchange, override.tradingsymbol
    row = Instrument.objects.filter(exchange=exchange, tradingsymbol=tradingsymbol).first()
    if row is not None:
        return _resolution(row, today)
    as_written = Resolution(exchange, tradingsymbol)
    if no_list((exchange,)):
        return replace(as_written, problem=_without_list(as_written.key) if live else "")
    return replace(
        as_written,
        problem=f"The symbol override names {as_written.key}, which is not in the instrument "
        "list: correct it in the admin.",
    )


# -- candidates ----------------------------------------------------------------------------------


def _candidates(
    exchange: str, symbol: str, contract: Contract | None, today: date
) -> Iterable[Instrument]:
    named = Q(
        exchange__in=symbols.exchanges_searched(exchange),
        search_key__in=(search_key(symbol), *symbols.series_keys(exchange, symbol)),
    )
    # Unordered: sorting by exchange would make SQLite read the whole of it.
    rows = Instrument.objects.order_by()
    if contract is None:
        return rows.filter(named)[:20]
    described = Q(exchange__in=symbols.contract_exchanges(exchange)) & _described(contract, today)
    if isinstance(contract, Continuous):
        return rows.filter(described).order_by("expiry")[:20]
    return rows.filter(named | described)[:20]


def _described(contract: Contract, today: date) -> Q:
    """What the columns of the contract say. The key's range is there for the index alone."""
    root = search_key(contract.root)
    if isinstance(contract, Continuous):
        return Q(
            search_key__range=(f"{root}0", f"{root}9{_LAST}"),
            instrument_type=symbols.FUTURE,
            expiry__gte=today,
        )
    year = contract.year if isinstance(contract, Future) else contract.expiry.year
    begins = f"{root}{year % 100:02d}"
    keys = Q(search_key__range=(begins, f"{begins}{_LAST}"))
    if isinstance(contract, Option):
        return keys & Q(
            instrument_type=contract.kind, expiry=contract.expiry, strike=contract.strike
        )
    first = date(contract.year, contract.month, 1)
    after = date(contract.year + contract.month // 12, contract.month % 12 + 1, 1)
    return keys & Q(instrument_type=symbols.FUTURE, expiry__gte=first, expiry__lt=after)


def _of_root(rows: Iterable[Instrument], contract: Contract) -> list[Instrument]:
    root = search_key(contract.root)
    return [row for row in rows if search_key(row.name) == root]


def _matches(
    exchange: str, symbol: str, contract: Contract | None, rows: list[Instrument]
) -> list[Instrument] | str:
    """The instruments that the symbol may mean, by the first rule that gives any; or a problem."""
    key = search_key(symbol)
    alike = [row for row in rows if row.search_key == key]
    own_series = [
        row for row in rows if row.search_key != key and symbols.has_series(row.tradingsymbol)
    ]
    rules = (
        [row for row in alike if row.tradingsymbol == symbol],
        [row for row in alike if row.segment != symbols.INDEX_SEGMENT],
        alike,
        _contracts(rows, contract, key),
        [row for row in own_series if search_key(row.tradingsymbol.rpartition("-")[0]) == key],
    )
    for found in rules:
        if found:
            return [row for row in found if row.exchange == exchange] or found
    return _index_problem(f"{exchange}:{symbol}") if symbols.is_index_name(exchange, symbol) else []


def _contracts(rows: list[Instrument], contract: Contract | None, key: str) -> list[Instrument]:
    if contract is None:
        return []
    described = [row for row in rows if row.search_key != key and row.expiry is not None]
    return _of_root(described, contract)


def _continuous(
    contract: Continuous, rows: list[Instrument], strategy: Strategy | None, today: date
) -> list[Instrument] | str:
    """The future that a continuous chart shows today, if the strategy trusts that choice."""
    futures = _of_root(rows, contract)
    if not futures:
        return []
    if len({row.exchange for row in futures}) > 1:
        return f"{contract} {_may_be(futures)}"
    if strategy is None or not strategy.continuous_futures:
        return (
            f"{contract} is a chart over many futures, and {_one_of(futures)} could be meant. "
            "Send the contract's own symbol, or allow continuous futures in the strategy."
        )
    if futures[0].expiry == today:
        return (
            f"{contract} rolls over today: {_one_of(futures[:2])} could be meant. "
            "Send the contract's own symbol today."
        )
    if contract.position > len(futures):
        last = futures[-1].tradingsymbol
        return f"{contract} is not listed: the last future of {contract.root} is {last}."
    return [futures[contract.position - 1]]


# -- what is found, and words for what is not ------------------------------------------------------


def _resolution(row: Instrument, today: date) -> Resolution:
    multiplier, problem = row.multiplier, not_tradable(row, today)
    if not problem and row.exchange in symbols.COUNTED_IN_LOTS and multiplier == 1:
        known = _rule_multiplier(row)
        multiplier = known or multiplier
        problem = "" if known else _unknown_multiplier(row)
    return Resolution(
        row.exchange,
        row.tradingsymbol,
        row.lot_size,
        multiplier,
        problem,
        name=row.name,
        tick_size=row.tick_size,
        instrument_type=row.instrument_type,
        segment=row.segment,
        expiry=row.expiry,
        strike=row.strike,
        listed=True,
    )


def _rule_multiplier(row: Instrument) -> Decimal | None:
    rules = ContractRule.objects.filter(exchange=row.exchange, name=row.name)
    return rules.values_list("multiplier", flat=True).first()


def _unknown_multiplier(row: Instrument) -> str:
    return (
        f"What a lot of {row.exchange}:{row.name or row.tradingsymbol} is worth is not known: "
        "add its multiplier under Contract rules in the admin."
    )


def _index_problem(key: str) -> str:
    return f"{key} is an index and can't be traded; choose a future or an option."


def _no_such_exchange(exchange: str, symbol: str) -> str:
    if not exchange:
        return f"{symbol} comes without an exchange: send it as NSE:{symbol}."
    if exchange == "NSEIX":
        return (
            f"NSEIX:{symbol} trades at GIFT City, where Zerodha takes no orders: "
            "choose the contract of NSE."
        )
    return f"Zerodha takes no orders for {exchange}. {_ADD_OVERRIDE}"


def _without_list(key: str) -> str:
    return (
        f"No instrument list is loaded, so {key} can't be checked: log in to the broker, "
        "which loads it."
    )


def _nothing_found(
    key: str, searched: tuple[str, ...], contract: Contract | None, live: bool
) -> str:
    if no_list(searched):
        return _without_list(key) if live else ""
    what = f"{key} ({contract})" if contract and not isinstance(contract, Continuous) else key
    return f"{what} is not in the instrument list: check the symbol. {_ADD_OVERRIDE}"


def _names(rows: list[Instrument]) -> list[str]:
    return [str(row) for row in rows[:_MOST_NAMED]]


def _one_of(rows: list[Instrument]) -> str:
    return " or ".join(_names(rows))


def _may_be(found: list[Instrument]) -> str:
    rows = sorted(found, key=lambda row: (row.expiry or date.min, row.tradingsymbol))
    more = ", among others" if len(rows) > _MOST_NAMED else ""
    return f"may be {_one_of(rows)}{more}. {_ADD_OVERRIDE}"
