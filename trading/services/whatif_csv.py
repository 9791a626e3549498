"""Orders of the past from a file, or from a call: time, strategy, symbol, action, and so on."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from risk.engine.limits import clean_entries
from trading.domain.session import IST
from trading.domain.values import Exchange, InstrumentKey, OrderType, Product, Side
from trading.models import Order, Strategy
from trading.services.connections import Accounts
from trading.services.errors import InvalidChange
from trading.services.queue import MAX_PRICE, MAX_QUANTITY
from trading.services.whatif_alerts import Draft, Resolver, mode_of

NEEDED = ("time", "strategy", "symbol", "action", "quantity", "price")
OPTIONAL = ("product", "order_type")
COLUMNS = (*NEEDED, *OPTIONAL)
EXAMPLE = "2026-11-23 10:15,Supertrend,NSE:INFY,BUY,10,1508.50"
MAX_BYTES = 2 * 1024 * 1024
MOST_SYMBOLS = 2000
_MOST_ERRORS = 50
_MOST_DIGITS = 10  # of a quantity
_EARLIEST, _LATEST = 2000, 2099
_NO_LINE: tuple[int, list[str]] = (0, [])

Word = TypeVar("Word", bound=StrEnum)


@dataclass(slots=True)
class _Errors:
    """What is wrong, line by line; the first so many are said."""

    place: str  # "Line" of a file, "Alert" of a list
    texts: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, number: int, text: str) -> None:
        if len(self.texts) < _MOST_ERRORS:
            self.texts.append(f"{self.place} {number}: {text}")
        else:
            self.more += 1

    def check(self, name: str) -> None:
        """Raise InvalidChange with everything that is wrong, if anything is."""
        if not self.texts:
            return
        rest = [f"And {self.more} more like these."] if self.more else []
        raise InvalidChange(
            f"{len(self.texts) + self.more} mistakes: correct them, then try again."
            if len(self.texts) + self.more > 1
            else "1 mistake: correct it, then try again.",
            errors={name: [*self.texts, *rest]},
        )


def of_file(
    content: bytes,
    most: int,
    now: datetime,
    name: str = "csv",
    keep_going: Callable[[], bool] = lambda: True,
) -> list[Draft]:
    """The alerts of a CSV file, oldest first. `name` is what errors call the file's field.

    The first line names the columns, in any order: time (ISO, IST unless it says otherwise),
    strategy, symbol, action, quantity, price; product and order_type if wanted. Raises
    InvalidChange with every wrong line by its number, or when `keep_going` says no before the end.
    """
    rows = _lines(content, name)
    header = [cell.strip().lower() for cell in next(rows, _NO_LINE)[1]]
    if problem := _wrong_header(header):
        raise InvalidChange(problem, errors={name: [problem]})
    errors = _Errors("Line")
    taken: list[tuple[int, Mapping[str, Any]]] = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            text = f"it has {len(cells)} values, and the first line names {len(header)} columns."
            errors.add(number, f"{text} Put values with a comma into quotes.")
            continue
        taken.append((number, dict(zip(header, cells, strict=True))))
    return _drafts(taken, errors, most, now, name, keep_going)


def of_rows(
    rows: Iterable[Mapping[str, Any]],
    most: int,
    now: datetime,
    name: str,
    keep_going: Callable[[], bool] = lambda: True,
) -> list[Draft]:
    """The alerts of a list of mappings with the same names; errors count from 1."""
    errors = _Errors("Alert")
    taken = []
    for number, row in enumerate(rows, start=1):
        unknown = ", ".join(str(key)[:40] for key in row if key not in COLUMNS)
        if unknown:
            errors.add(number, f"there is no {unknown}: use {', '.join(COLUMNS)}.")
        else:
            taken.append((number, row))
    return _drafts(taken, errors, most, now, name, keep_going)


def _lines(content: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    if len(content) > MAX_BYTES:
        text = f"The file is over {MAX_BYTES // 1024 // 1024} MiB: split it."
        raise InvalidChange(text, errors={name: [text]})
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        wrong = "The file is not UTF-8 text: save it as CSV (UTF-8)."
        raise InvalidChange(wrong, errors={name: [wrong]}) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=False)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            wrong = f"Line {reader.line_num}: this is no CSV ({error})."
            raise InvalidChange(wrong, errors={name: [wrong]}) from None
        yield reader.line_num, cells


def _wrong_header(header: list[str]) -> str:
    form = f"The first line must name the columns: {','.join(NEEDED)}[,{','.join(OPTIONAL)}]."
    missing = [name for name in NEEDED if name not in header]
    if missing:
        return f"Line 1: {', '.join(missing)} missing. {form}"
    if unknown := [name for name in header if name not in COLUMNS]:
        return f"Line 1: unknown column {', '.join(unknown)[:80]}. {form}"
    if len(set(header)) != len(header):
        return f"Line 1: a column is named twice. {form}"
    return ""


def _drafts(
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    errors: _Errors,
    most: int,
    now: datetime,
    name: str,
    keep_going: Callable[[], bool],
) -> list[Draft]:
    reader = _Reader(now)
    drafts: list[Draft] = []
    for number, row in rows:
        if not keep_going():
            errors.add(number, "reading has taken too long up to here: leave the rest out.")
            break
        if len(drafts) == most:
            errors.add(number, f"at most {most} alerts are replayed at once: leave the rest out.")
            break
        try:
            drafts.append(reader.draft(number, row))
        except _TooMuch as much:
            errors.add(number, str(much))
            break
        except _Wrong as wrong:
            for text in wrong.texts:
                errors.add(number, text)
    errors.check(name)
    if not drafts:
        text = f"There is no alert in it. A line looks like this: {EXAMPLE}"
        raise InvalidChange(text, errors={name: [text]})
    return sorted(drafts, key=lambda one: one.at)


class _Wrong(Exception):
    def __init__(self, texts: list[str]) -> None:
        super().__init__(" ".join(texts))
        self.texts = texts


class _TooMuch(Exception):
    """Nothing after this row is read."""


class _Reader:
    """Reads one row after the other into orders that are never saved."""

    def __init__(self, now: datetime) -> None:
        self._strategies = {one.name: one for one in Strategy.objects.select_related("connection")}
        self._accounts = Accounts()
        self._resolve = Resolver(now)
        self._texts: list[str] = []

    def draft(self, number: int, row: Mapping[str, Any]) -> Draft:
        """Raises _Wrong with everything that is wrong in the row."""
        self._texts = []
        values = {name: _text(row.get(name)) for name in COLUMNS}
        at = self._time(values["time"])
        strategy = self._strategy(values["strategy"])
        symbol = self._symbol(values["symbol"])
        side = self._word("action", values["action"], Side)
        quantity = self._quantity(values["quantity"])
        price = self._price(values["price"])
        default_product = Product(strategy.default_product) if strategy else Product.MIS
        product = self._word("product", values["product"], Product, default_product)
        default_type = OrderType(strategy.default_order_type) if strategy else OrderType.MARKET
        order_type = self._word("order_type", values["order_type"], OrderType, default_type)
        if order_type is not None and price is None and order_type is not OrderType.MARKET:
            self._texts.append(f"price is empty, and a {order_type} order needs one.")
        connection, problem = self._accounts(strategy)
        if connection is None:
            self._texts.append(problem)
        if self._texts or at is None or side is None or connection is None or symbol is None:
            raise _Wrong(self._texts)
        found = self._resolve(*symbol, strategy)
        if self._resolve.asked > MOST_SYMBOLS:
            raise _TooMuch(
                f"at most {MOST_SYMBOLS} different symbols are replayed at once: split it."
            )
        assert product is not None
        assert order_type is not None
        order = Order(
            connection=connection,
            simulated=connection.simulated,
            strategy=strategy,
            symbol=str(InstrumentKey(*symbol)),
            exchange=found.exchange,
            tradingsymbol=found.tradingsymbol,
            lot_size=found.lot_size,
            multiplier=found.multiplier,
            side=side,
            qty=quantity or 0,
            price=price,
            reference_price=None if order_type.needs_price else price,
            trigger_price=price if order_type.needs_trigger else None,
            order_type=order_type,
            product=product,
        )
        return Draft(at=at, order=order, quantity=order.qty, mode=mode_of(strategy), line=number)

    def _time(self, text: str) -> datetime | None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self._texts.append(f"time “{text[:40]}”: write it like 2026-11-23 10:15 (IST).")
            return None
        if not _EARLIEST <= at.year <= _LATEST:
            self._texts.append(f"time “{text[:40]}”: the year must be {_EARLIEST} to {_LATEST}.")
            return None
        return at if at.tzinfo else at.replace(tzinfo=IST)

    def _strategy(self, text: str) -> Strategy | None:
        if not text:
            return None
        found = self._strategies.get(text)
        if found is None:
            known = ", ".join(sorted(self._strategies)[:10]) or "(none yet)"
            self._texts.append(
                f"there is no strategy “{text[:80]}”: use one of {known}, or leave it empty."
            )
        return found

    def _symbol(self, text: str) -> tuple[str, str] | None:
        try:
            entries = clean_entries([text])
        except ValueError as error:
            self._texts.append(f"symbol {error}")
            return None
        exchange, _, symbol = entries[0].rpartition(":") if entries else ("", "", "")
        if not exchange:
            known = ", ".join(Exchange)
            self._texts.append(f"symbol “{text[:40]}”: write it with its exchange ({known}).")
            return None
        return exchange, symbol

    def _word(
        self, name: str, text: str, words: type[Word], default: Word | None = None
    ) -> Word | None:
        if not text and default is not None:
            return default
        if text.upper() in list(words):
            return words(text.upper())
        allowed = ", ".join(words)
        self._texts.append(f"{name} “{text[:40]}”: use one of {allowed}.")
        return None

    def _quantity(self, text: str) -> int | None:
        digits = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
        if digits and 1 <= int(text) <= MAX_QUANTITY:
            return int(text)
        self._texts.append(
            f"quantity “{text[:40]}”: write a whole number from 1 to {MAX_QUANTITY}."
        )
        return None

    def _price(self, text: str) -> Decimal | None:
        if not text:
            return None
        try:
            price = Decimal(text)
        except InvalidOperation:
            price = Decimal(0)
        if not price.is_finite() or not 0 < price <= MAX_PRICE or price != round(price, 4):
            self._texts.append(
                f"price “{text[:40]}”: write a number above 0 with at most 4 decimals, "
                "like 1508.50, or leave it empty."
            )
            return None
        return price


def _text(value: Any) -> str:
    """A value as a file would have it; numbers of a call are taken too."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    return str(value).strip()
