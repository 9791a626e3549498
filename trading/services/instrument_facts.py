"""What the instrument list, the contract rules and the clock say of what an order trades."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal

from brokers.models import PriceBand
from risk.engine.snapshot import InstrumentFacts, MarketFacts
from risk.models import ProductSchedule
from trading.domain import symbols
from trading.domain.calendar import segment_of
from trading.domain.market import MarketState, market_facts
from trading.domain.session import at_time, trading_day
from trading.domain.values import InstrumentKey, Product
from trading.models import ContractRule, Instrument
from trading.services import calendar
from trading.services.instruments import no_list

Listing = Mapping[InstrumentKey, Instrument]


def read_listing(keys: Iterable[InstrumentKey]) -> dict[InstrumentKey, Instrument]:
    """The list's rows of the instruments that it has, in one query."""
    wanted = set(keys)
    rows = Instrument.objects.filter(
        exchange__in={key.exchange for key in wanted},
        tradingsymbol__in={key.tradingsymbol for key in wanted},
    ).order_by()
    found = {InstrumentKey(row.exchange, row.tradingsymbol): row for row in rows}
    return {key: row for key, row in found.items() if key in wanted}


def kind_of(key: InstrumentKey, row: Instrument | None) -> str:
    """EQ, FUT, CE, PE or INDEX; empty for a contract that is not listed."""
    if row is not None and row.segment == symbols.INDEX_SEGMENT:
        return "INDEX"
    if row is not None and row.instrument_type:
        return row.instrument_type
    return "EQ" if key.exchange in symbols.CASH_EXCHANGES else ""


def underlying_of(key: InstrumentKey, row: Instrument | None) -> str:
    """What the instrument stands for: a share and its contracts have the same underlying."""
    if key.exchange not in symbols.CASH_EXCHANGES:
        return row.name if row is not None and row.name else key.tradingsymbol
    if symbols.has_series(key.tradingsymbol):
        return key.tradingsymbol.rpartition("-")[0]
    return key.tradingsymbol


@dataclass(frozen=True, slots=True)
class Market:
    """What holds for several instruments at one moment, read at once."""

    now: datetime
    listing: Listing
    without_list: frozenset[str]
    freezes: Mapping[tuple[str, str], int | None]
    bands: Mapping[InstrumentKey, tuple[Decimal, Decimal]]
    last_entries: Mapping[str, time]
    with_futures: frozenset[InstrumentKey]

    def instrument(self, key: InstrumentKey) -> InstrumentFacts:
        """The facts of one of the instruments that orders are for."""
        row = self.listing.get(key)
        underlying = underlying_of(key, row)
        lower, upper = self.bands.get(key, (None, None))
        return InstrumentFacts(
            listed=True if row else None if key.exchange in self.without_list else False,
            kind=kind_of(key, row),
            segment=segment_of(key.exchange).value,
            underlying=underlying,
            of_index=(
                key.exchange not in symbols.CASH_EXCHANGES
                and symbols.is_index_underlying(underlying)
            ),
            expiry=row.expiry if row else None,
            lot_size=row.lot_size if row else None,
            tick_size=row.tick_size if row else None,
            freeze_quantity=self.freezes.get((row.exchange, row.name)) if row else None,
            lower_circuit=lower,
            upper_circuit=upper,
        )

    def session(self, key: InstrumentKey, product: Product) -> MarketFacts:
        """The market of one of them, and the user's own last hour for entries of the product."""
        hours = calendar.current()
        facts = market_facts(
            hours,
            key.exchange,
            product,
            self.now,
            has_futures=key in self.with_futures,
        )
        last_entry = self.last_entries.get(product)
        trades = facts.opens_at is not None
        return MarketFacts(
            covered=facts.covered,
            open=facts.state is MarketState.OPEN,
            state=hours.gap(key.exchange, trading_day(self.now)) or facts.state,
            square_off_at=facts.square_off_at,
            no_new_entries_at=at_time(trading_day(self.now), last_entry)
            if trades and last_entry
            else None,
        )


def read_market(
    wanted: Collection[InstrumentKey], others: Iterable[InstrumentKey], now: datetime
) -> Market:
    """The market of the instruments `wanted` by orders; of `others` only what the list says."""
    listing = read_listing([*wanted, *others])
    missing = {key.exchange for key in wanted if key not in listing}
    return Market(
        now=now,
        listing=listing,
        without_list=frozenset(exchange for exchange in missing if no_list((exchange,))),
        freezes=_freezes([listing[key] for key in wanted if key in listing]),
        bands=_bands(wanted, now),
        last_entries=_last_entries(),
        with_futures=calendar.with_futures(wanted, now),
    )


def _freezes(rows: Iterable[Instrument]) -> dict[tuple[str, str], int | None]:
    contracts = [row for row in rows if row.exchange not in symbols.CASH_EXCHANGES]
    if not contracts:
        return {}
    rules = ContractRule.objects.filter(
        exchange__in={row.exchange for row in contracts}, name__in={row.name for row in contracts}
    )
    return {
        (exchange, name): freeze
        for exchange, name, freeze in rules.values_list("exchange", "name", "freeze_quantity")
    }


def _bands(
    keys: Collection[InstrumentKey], now: datetime
) -> dict[InstrumentKey, tuple[Decimal, Decimal]]:
    """The circuits that were told today: tomorrow's are others."""
    rows = PriceBand.objects.filter(
        exchange__in={key.exchange for key in keys},
        tradingsymbol__in={key.tradingsymbol for key in keys},
    )
    return {
        InstrumentKey(row.exchange, row.tradingsymbol): (row.lower, row.upper)
        for row in rows
        if trading_day(row.read_at) == trading_day(now)
    }


def _last_entries() -> dict[str, time]:
    """From when no entry of a product is wanted; what is squared off is not opened anew."""
    rows = ProductSchedule.objects.filter(enabled=True).order_by()
    last = {row.product: row.no_new_entries_at or row.square_off_at for row in rows}
    return {product: at for product, at in last.items() if at is not None}
