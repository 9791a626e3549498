"""Kite's rows as the port's reports, and the port's requests as Kite's forms. Pure.

A word that is not in a table here never becomes another one: an unknown status is UNKNOWN and
counts as working; a row with an unknown product, order type or variety raises UnknownWord, and
the adapter names it as unreadable beside the readable rest of the book. So it does with a row
that is malformed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from brokers.errors import NotSupported, Refused
from brokers.port import BrokerStatus, ExecutedOrder, OrderReport, OrderRequest, Trade
from brokers.zerodha.answers import clean
from brokers.zerodha.rows import (
    BadRow,
    Row,
    UnknownWord,
    identifier,
    moment_if_readable,
    number,
    price,
    required_text,
    rows_of,
    text,
    units,
    word,
)
from trading.domain.signal import CLIENT_ORDER_ID
from trading.domain.values import Exchange, OrderType, Product, Side, Validity, Variety

AUTOMATIC_PROTECTION: Final = Decimal(-1)
_PROTECTED: Final = frozenset({OrderType.MARKET, OrderType.SL_M})
_TAG: Final = re.compile(r"[A-Za-z0-9]{1,20}")
_OURS: Final = re.compile(CLIENT_ORDER_ID + "(?:[0-9A-Z]{2})?")
_LARGEST: Final = 10**9
_LONGEST_SYMBOL: Final = 128

_STATUSES: Final = {
    "PUT ORDER REQ RECEIVED": BrokerStatus.PENDING,
    "VALIDATION PENDING": BrokerStatus.PENDING,
    "OPEN PENDING": BrokerStatus.PENDING,
    "AMO REQ RECEIVED": BrokerStatus.PENDING,
    "MODIFY AMO REQ RECEIVED": BrokerStatus.PENDING,
    "OPEN": BrokerStatus.OPEN,
    "MODIFY VALIDATION PENDING": BrokerStatus.OPEN,
    "MODIFY PENDING": BrokerStatus.OPEN,
    "MODIFIED": BrokerStatus.OPEN,
    "NOT MODIFIED": BrokerStatus.OPEN,
    "NOT CANCELLED": BrokerStatus.OPEN,
    "TRIGGER PENDING": BrokerStatus.TRIGGER_PENDING,
    "CANCEL PENDING": BrokerStatus.CANCEL_PENDING,
}
# Kite may add to these words ("CANCELLED AMO"), and what begins so is over.
_ENDINGS: Final = {
    "COMPLETE": BrokerStatus.COMPLETE,
    "CANCELLED": BrokerStatus.CANCELLED,
    "REJECTED": BrokerStatus.REJECTED,
}
# Fields in whose place nothing is known: the order counts as working, with nothing filled.
_STATELESS: Final[Row] = {
    "status": "UNREADABLE",
    "filled_quantity": 0,
    "average_price": None,
    "price": None,
    "trigger_price": None,
    "status_message": None,
    "status_message_raw": None,
    "placed_by": None,
}
# Orders of these kinds are placed elsewhere. Once there, they work as regular ones; what changes
# them reads Kite's own word first (`variety_for_change`).
_VARIETIES: Final = {
    "regular": Variety.REGULAR,
    "amo": Variety.AMO,
    "iceberg": Variety.REGULAR,
    "auction": Variety.REGULAR,
    "co": Variety.REGULAR,
}


# -- rows to reports -----------------------------------------------------------------------


def status_of(raw: str) -> BrokerStatus:
    """The state that Kite's word stands for; UNKNOWN for a word that is not in the tables."""
    words = " ".join(raw.upper().split())
    if words in _STATUSES:
        return _STATUSES[words]
    for beginning, status in _ENDINGS.items():
        if words.split(" ")[0] == beginning:
            return status
    return BrokerStatus.UNKNOWN


def order_report(row: Row, trades: Iterable[Row] = ()) -> OrderReport:
    """A row of the order book with its trades. Raises BadRow, UnknownWord."""
    raw = text(row, "status")
    filled = units(row, "filled_quantity")
    tags = _tags(row)
    times = [
        found
        for name in ("order_timestamp", "exchange_timestamp", "exchange_update_timestamp")
        if (found := moment_if_readable(row, name)) is not None
    ]
    return OrderReport(
        order_id=order_id_of(row),
        trigger_id=None,
        tag=tags[0] if tags else "",
        status=status_of(raw),
        raw_status=clean(raw),
        exchange=required_text(row, "exchange"),
        tradingsymbol=required_text(row, "tradingsymbol"),
        side=word(row, "transaction_type", Side),
        product=word(row, "product", Product),
        order_type=word(row, "order_type", OrderType),
        variety=_variety(row),
        quantity=units(row, "quantity"),
        filled_quantity=filled,
        average_price=price(row, "average_price") if filled else None,
        price=price(row, "price"),
        trigger_price=price(row, "trigger_price"),
        message=clean(text(row, "status_message") or text(row, "status_message_raw")),
        placed_at=moment_if_readable(row, "order_timestamp"),
        updated_at=max(times, default=None),
        trades=_trades(trades),
        tags=tags,
        placed_by=text(row, "placed_by"),
    )


def report_in_part(row: Row, trades: Iterable[Row], left_out: list[str]) -> OrderReport:
    """As `order_report`; of a malformed row what can be told of it all the same, noted in
    `left_out`: the order without its trades, or else that it is there and may still work.

    Raises BadRow when not even that can be told, and UnknownWord.
    """
    try:
        return order_report(row, trades)
    except BadRow as error:
        wrong = f"can't be read: {error}"
    try:
        found = order_report(row)
    except BadRow:
        found = order_report({**row, **_STATELESS})
        found = replace(found, message=f"Zerodha's row of this order {wrong}.")
    left_out.append(f"order {found.order_id} {wrong}")
    return found


def order_id_of(row: Row) -> str:
    number = identifier(row, "order_id")
    if not number:
        raise BadRow("order_id is missing")
    return number


def may_be_ours(row: Row, wanted: frozenset[str] = frozenset()) -> bool:
    """Whether a row that can't be read wears one of `wanted`, or a tag of the form of ours when
    none is named; also when its tags can't be read either."""
    try:
        tags = _tags(row)
    except BadRow:
        return True
    return any(tag in wanted if wanted else _OURS.fullmatch(tag) for tag in tags)


def variety_for_change(row: Row) -> str:
    """Kite's word for changing or cancelling this order now.

    A released AMO is changed as regular, although the book goes on calling it amo.
    """
    variety = required_text(row, "variety")
    if variety == Variety.AMO and "AMO" not in text(row, "status").upper():
        return str(Variety.REGULAR)
    return variety


def trades_by_order(data: object, left_out: list[str]) -> dict[str, list[Row]]:
    """The rows of a trade book, by the order that they belong to; a row that names none is noted
    in `left_out`."""
    found: dict[str, list[Row]] = {}
    for row in rows_of(data, "trades"):
        try:
            found.setdefault(order_id_of(row), []).append(row)
        except BadRow as error:
            left_out.append(f"a trade can't be read: {error}")
    return found


def the_further(first: OrderReport, second: OrderReport) -> OrderReport:
    """Of two views of one order, the one from later in its life."""
    return max((first, second), key=_progress)


def oldest_first(reports: Iterable[OrderReport]) -> list[OrderReport]:
    return sorted(
        reports,
        key=lambda one: (one.placed_at or _LONG_AGO, one.order_id or "", one.trigger_id or ""),
    )


def under_its_tag(report: OrderReport, tags: Iterable[str]) -> OrderReport | None:
    """`report` with that of `tags` which it carries as its tag; None when it carries none."""
    found = next((tag for tag in report.tags if tag in set(tags)), None)
    return None if found is None else replace(report, tag=found)


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def _progress(report: OrderReport) -> tuple[bool, int, datetime]:
    return report.status.final, report.filled_quantity, report.updated_at or _LONG_AGO


def _tags(row: Row) -> tuple[str, ...]:
    more = row.get("tags") or []
    if not isinstance(more, list) or not all(isinstance(tag, str) for tag in more):
        raise BadRow("tags are no list of texts")
    return tuple(dict.fromkeys(tag for tag in (text(row, "tag"), *more) if tag))


def _variety(row: Row) -> Variety:
    raw = required_text(row, "variety")
    if raw not in _VARIETIES:
        raise UnknownWord("variety", raw)
    return _VARIETIES[raw]


def _trades(rows: Iterable[Row]) -> tuple[Trade, ...]:
    found = {trade.trade_id: trade for trade in map(_trade, rows)}
    return tuple(sorted(found.values(), key=lambda one: (one.at, one.trade_id)))


def _trade(row: Row) -> Trade:
    at = moment_if_readable(row, "fill_timestamp") or moment_if_readable(row, "exchange_timestamp")
    if at is None:
        raise BadRow("a trade has no time")
    number = identifier(row, "trade_id")
    if not number:
        raise BadRow("trade_id is missing")
    paid = price(row, "average_price")
    if paid is None:
        raise BadRow("a trade has no price")
    return Trade(
        trade_id=number,
        order_id=order_id_of(row),
        exchange=required_text(row, "exchange"),
        tradingsymbol=required_text(row, "tradingsymbol"),
        product=word(row, "product", Product),
        side=word(row, "transaction_type", Side),
        quantity=units(row, "quantity"),
        price=paid,
        at=at,
    )


# -- requests to forms ---------------------------------------------------------------------


def check_request(request: OrderRequest) -> None:
    """Raises Refused, naming the field and the fix, for what Kite must never be asked."""
    if not _TAG.fullmatch(request.tag):
        raise Refused(f"tag {request.tag!r} must be 1 to 20 letters and digits.")
    if request.exchange not in set(Exchange):
        known = ", ".join(Exchange)
        raise Refused(f"exchange {request.exchange!r} is not known: use one of {known}.")
    if not 0 < len(request.tradingsymbol) <= _LONGEST_SYMBOL:
        raise Refused(f"tradingsymbol must have 1 to {_LONGEST_SYMBOL} characters.")
    if not 0 < request.quantity <= _LARGEST:
        raise Refused(f"quantity must be 1 to {_LARGEST}, not {request.quantity}.")
    if request.order_type.needs_price:
        check_price("price", request.price, request.order_type)
    if request.order_type.needs_trigger:
        check_price("trigger_price", request.trigger_price, request.order_type)
    if request.validity is Validity.TTL:
        raise NotSupported("validity TTL needs minutes, which no order here has: use DAY or IOC.")
    if request.second_leg is not None and request.variety is not Variety.GTT:
        raise Refused("A second leg belongs to a GTT: use variety gtt.")


def check_price(name: str, value: Decimal | None, kind: str) -> Decimal:
    """`value` when it is a price; raises Refused, naming the field, when it is none."""
    if value is None:
        raise Refused(f"{name} is missing: {kind} needs one.")
    if not (value.is_finite() and 0 < value <= _LARGEST):
        raise Refused(f"{name} must be above 0 and at most {_LARGEST}, not {value}.")
    return value


def order_form(request: OrderRequest) -> dict[str, str]:
    """The fields of a regular or AMO order, for the client's place_order."""
    return {
        "exchange": request.exchange,
        "tradingsymbol": request.tradingsymbol,
        "transaction_type": str(request.side),
        "quantity": str(request.quantity),
        "product": str(request.product),
        "order_type": str(request.order_type),
        "validity": str(request.validity),
        "tag": request.tag,
        **_prices(
            request.order_type, request.price, request.trigger_price, request.market_protection
        ),
    }


def change_form(
    row: Row,
    *,
    quantity: int | None,
    limit: Decimal | None,
    trigger: Decimal | None,
    order_type: OrderType | None,
    validity: Validity | None,
) -> dict[str, str]:
    """The fields of a modification: what is asked, and the order's own terms for the rest."""
    kind = order_type or word(row, "order_type", OrderType)
    asked = units(row, "quantity") if quantity is None else quantity
    if not 0 < asked <= _LARGEST:
        raise Refused(f"quantity must be 1 to {_LARGEST}, not {asked}.")
    limit = price(row, "price") if limit is None else limit
    trigger = price(row, "trigger_price") if trigger is None else trigger
    if kind.needs_price:
        check_price("price", limit, kind)
    if kind.needs_trigger:
        check_price("trigger_price", trigger, kind)
    if validity is Validity.TTL:
        raise NotSupported("validity TTL needs minutes, which no order here has: use DAY or IOC.")
    form = {
        "order_type": str(kind),
        "quantity": str(asked),
        **_prices(kind, limit, trigger, number(row, "market_protection") or None),
    }
    return form | ({"validity": str(validity)} if validity else {})


def cost_form(request: OrderRequest) -> dict[str, Any]:
    """An order as the margin calculator wants it: JSON, with JSON's own numbers."""
    gtt = request.variety is Variety.GTT
    return {
        "exchange": request.exchange,
        "tradingsymbol": request.tradingsymbol,
        "transaction_type": str(request.side),
        "variety": str(Variety.REGULAR if gtt else request.variety),
        "product": str(request.product),
        "order_type": str(request.order_type),
        "quantity": request.quantity,
        "price": float(request.price or 0) if request.order_type.needs_price else 0,
        "trigger_price": (
            float(request.trigger_price or 0) if request.order_type.needs_trigger else 0
        ),
    }


def note_form(executed: ExecutedOrder) -> dict[str, Any]:
    """An executed order as the virtual contract note wants it."""
    gtt = executed.variety is Variety.GTT
    return {
        "order_id": executed.order_id,
        "exchange": executed.exchange,
        "tradingsymbol": executed.tradingsymbol,
        "transaction_type": str(executed.side),
        "variety": str(Variety.REGULAR if gtt else executed.variety),
        "product": str(executed.product),
        "order_type": str(executed.order_type),
        "quantity": executed.quantity,
        "average_price": float(executed.average_price),
    }


def _prices(
    kind: OrderType,
    limit: Decimal | None,
    trigger: Decimal | None,
    protection: Decimal | None,
) -> Mapping[str, str]:
    """The price fields that an order of this type has, and no others."""
    form: dict[str, str] = {}
    if kind.needs_price:
        form["price"] = plain(check_price("price", limit, kind))
    if kind.needs_trigger:
        form["trigger_price"] = plain(check_price("trigger_price", trigger, kind))
    if kind in _PROTECTED:
        wanted = AUTOMATIC_PROTECTION if protection is None else protection
        if not (wanted == AUTOMATIC_PROTECTION or 0 < wanted <= 100):
            raise Refused(
                "market_protection must be -1 (automatic), or above 0 and at most 100, "
                f"not {wanted}."
            )
        form["market_protection"] = plain(wanted)
    return form


def plain(value: Decimal) -> str:
    """A number without an exponent and without idle zeros."""
    written = format(value, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written
