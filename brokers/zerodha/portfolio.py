"""Kite's positions, holdings, funds and costs in the port's shapes. Pure.

Positions: profit is value + quantity × last price × multiplier, where value is what was sold less
what was bought. Kite does not keep `realised` up to date, so both halves are worked out here.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from brokers.port import BrokerPosition, ExecutedOrder, Holding, Margins, OrderCost
from brokers.zerodha.rows import (
    BadRow,
    Row,
    number,
    optional_units,
    price,
    quantity,
    required_number,
    required_text,
    rounded,
    row_of,
    rows_of,
    text,
    units,
    word,
)
from trading.domain.values import Product

_ZERO: Final = Decimal(0)


def position_rows(data: object) -> list[Row]:
    """The net positions' rows of the whole answer."""
    return rows_of(row_of(data, "the positions").get("net"), "net positions")


def position_of(row: Row) -> BrokerPosition:
    """A row of the net positions. Raises BadRow, UnknownWord."""
    held = quantity(row, "quantity")
    average = required_number(row, "average_price")
    last = price(row, "last_price")
    multiplier = required_number(row, "multiplier")
    if multiplier <= 0:
        raise BadRow("multiplier is not above 0")
    value = required_number(row, "sell_value") - required_number(row, "buy_value")
    unrealised = held * (last - average) * multiplier if held and last is not None else _ZERO
    day = number(row, "m2m")
    return BrokerPosition(
        exchange=required_text(row, "exchange"),
        tradingsymbol=required_text(row, "tradingsymbol"),
        product=word(row, "product", Product),
        quantity=held,
        average_price=average,
        last_price=last,
        realised=rounded(value + held * average * multiplier, "the realised profit"),
        unrealised=rounded(unrealised, "the open profit"),
        multiplier=multiplier,
        day_pnl=None if day is None else rounded(day, "m2m"),
    )


def holding_of(row: Row) -> Holding:
    """A row of the holdings. Raises BadRow."""
    profit = number(row, "pnl")
    return Holding(
        exchange=required_text(row, "exchange"),
        tradingsymbol=required_text(row, "tradingsymbol"),
        quantity=units(row, "quantity"),
        t1_quantity=optional_units(row, "t1_quantity"),
        average_price=required_number(row, "average_price"),
        last_price=price(row, "last_price"),
        used_quantity=optional_units(row, "used_quantity"),
        pnl=None if profit is None else rounded(profit, "pnl"),
    )


def margins_of(data: object) -> Margins:
    """The equity wallet, or the commodity one where equity is not enabled.

    Most accounts have one wallet for everything, and it is shown as equity. Kite's `net` is what
    can still be spent: it is `available` here, and `net` is what there would be with nothing open.
    """
    segments = row_of(data, "the margins")
    wallets = [
        row_of(segments[name], "a wallet") for name in ("equity", "commodity") if name in segments
    ]
    wallet = next((one for one in wallets if one.get("enabled")), None)
    if wallet is None:
        raise BadRow("no wallet is enabled")
    available = required_number(wallet, "net")
    used = required_number(row_of(wallet.get("utilised"), "what is utilised"), "debits")
    return Margins(available=available, used=used, net=available + used, raw=dict(segments))


def cost_of(data: object) -> OrderCost:
    """The margin calculator's answer for one order."""
    rows = rows_of(data, "order margins")
    if len(rows) != 1:
        raise BadRow("the margin calculator did not answer for one order")
    charges = row_of(rows[0].get("charges") or {}, "the charges")
    return OrderCost(
        required=required_number(rows[0], "total"), charges=number(charges, "total") or _ZERO
    )


def charges_of(data: object, executed: Sequence[ExecutedOrder]) -> list[Decimal]:
    """The totals of a virtual contract note: a row for each order, in their order.

    Its rows carry no id, so each must say again what it is about. Raises BadRow.
    """
    rows = rows_of(data, "contract note's rows")
    if len(rows) != len(executed):
        raise BadRow(f"it has {len(rows)} rows for {len(executed)} orders")
    return [_total_of(row, order) for row, order in zip(rows, executed, strict=True)]


def _total_of(row: Row, order: ExecutedOrder) -> Decimal:
    about = (text(row, "exchange"), text(row, "tradingsymbol"), text(row, "transaction_type"))
    if about != (order.exchange, order.tradingsymbol, order.side) or (
        quantity(row, "quantity") != order.quantity
    ):
        raise BadRow(f"a row is not about order {order.order_id}")
    total = required_number(row_of(row.get("charges"), "the charges"), "total")
    if total < 0:
        raise BadRow("total is negative")
    return rounded(total, "total")


def last_price_of(row: Row) -> Decimal | None:
    """The price in the `quote` of a row; None where there is none. Raises BadRow."""
    return price(row_of(row["quote"], "a quote"), "last_price")


def quote_of(row: Row) -> tuple[Decimal, Decimal | None, Decimal | None] | None:
    """Last price, lower and upper circuit of a whole quote; None without a price.

    Circuits come in pairs: Kite writes 0 where an instrument has none. Raises BadRow.
    """
    last = last_price_of(row)
    if last is None:
        return None
    quote = row_of(row["quote"], "a quote")
    lower, upper = price(quote, "lower_circuit_limit"), price(quote, "upper_circuit_limit")
    if lower is None or upper is None or lower > upper:
        return last, None, None
    return last, lower, upper
