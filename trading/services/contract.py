"""What the exchange asks of an order: whole lots, valid prices, no more than it takes at once."""

from decimal import ROUND_FLOOR, Decimal

from sigmatrader import clock
from trading.domain.session import trading_day
from trading.domain.sizing import whole_lots
from trading.domain.symbols import CASH_EXCHANGES, COUNTED_IN_LOTS
from trading.domain.values import OrderType
from trading.models import ContractRule, Instrument, Order
from trading.services.contract_terms import has_ended, listed_terms
from trading.services.instruments import list_gap, not_tradable
from trading.templatetags.money import price, qty, rupees

# What Zerodha takes in one order of shares.
MAX_SHARES = 100_000
MAX_VALUE = Decimal(10**8)

Problems = dict[str, list[str]]


def problems(order: Order) -> Problems:
    """What the exchange or broker would refuse of `order`, by field, with the fix.

    Judged by the instrument list as it is now, not as it was when the order was made. A paper
    order of an instrument that is not listed passes; a live one doesn't.
    """
    row = Instrument.objects.filter(
        exchange=order.exchange, tradingsymbol=order.tradingsymbol
    ).first()
    if row is None:
        gap = "" if order.simulated else list_gap(order.exchange, order.tradingsymbol)
        return {"symbol": [gap]} if gap else {}
    now = clock.now()
    if refusal := not_tradable(row, trading_day(now)):
        return {"symbol": [refusal]}
    terms = listed_terms(row)
    if terms is not None and has_ended(terms, now):
        return {"symbol": [f"{row} has expired today: choose another contract."]}
    found = {
        "qty": [*_lots(order, row), *_largest(order, row)],
        "price": _tick(_limit_of(order), row),
        "trigger_price": _tick(_trigger_of(order), row),
    }
    return {name: texts for name, texts in found.items() if texts}


def most_in_one_order(row: Instrument, each: Decimal | None) -> int | None:
    """Units that the exchange takes in one order, in whole lots; None where it sets no limit.

    `each`: what one unit costs, which counts for shares.
    """
    if row.exchange in CASH_EXCHANGES:
        by_value = int(MAX_VALUE / each) if each else MAX_SHARES
        return whole_lots(Decimal(min(MAX_SHARES, by_value)), row.lot_size)
    freeze = _freeze_of(row)
    return None if freeze is None else whole_lots(Decimal(freeze), row.lot_size)


def _freeze_of(row: Instrument) -> int | None:
    return (
        ContractRule.objects.filter(exchange=row.exchange, name=row.name)
        .values_list("freeze_quantity", flat=True)
        .first()
    )


def neighbours(value: Decimal, tick: Decimal) -> tuple[Decimal, Decimal]:
    """The multiples of `tick` below and above `value`; twice `value` when it is one."""
    below = (value / tick).to_integral_value(rounding=ROUND_FLOOR) * tick
    return below, below if below == value else below + tick


def _limit_of(order: Order) -> Decimal | None:
    """The price as far as it is sent: with MARKET it is only what the alert saw."""
    return order.price if OrderType(order.order_type).needs_price else None


def _trigger_of(order: Order) -> Decimal | None:
    sent = OrderType(order.order_type).needs_trigger or order.gtt
    return order.trigger_price if sent else None


def _lots(order: Order, row: Instrument) -> list[str]:
    if order.qty % row.lot_size == 0:
        return []
    below = order.qty // row.lot_size * row.lot_size
    choices = [number for number in (below, below + row.lot_size) if number]
    return [
        f"{row.tradingsymbol} trades in lots of {qty(row.lot_size)}, and {qty(order.qty)} is no "
        f"whole number of lots: use {' or '.join(qty(number) for number in choices)}."
    ]


def _tick(value: Decimal | None, row: Instrument) -> list[str]:
    if value is None:
        return []
    below, above = neighbours(value, row.tick_size)
    if below == above:
        return []
    choices = " or ".join(price(number) for number in (below, above) if number)
    return [
        f"Prices of {row.tradingsymbol} are multiples of {price(row.tick_size)}: use {choices}."
    ]


def _largest(order: Order, row: Instrument) -> list[str]:
    if row.exchange in CASH_EXCHANGES:
        return _largest_of_shares(order)
    freeze = _freeze_of(row)
    if freeze is None:
        return []
    most = whole_lots(Decimal(freeze), row.lot_size)
    if order.qty <= most:
        return []
    units = "lots" if row.exchange in COUNTED_IN_LOTS else f"units ({most // row.lot_size} lots)"
    return [
        f"The exchange takes at most {qty(most)} {units} of {row.name} in one order; "
        f"this one has {qty(order.qty)}. Split it."
    ]


def _largest_of_shares(order: Order) -> list[str]:
    found = []
    if order.qty > MAX_SHARES:
        found.append(
            f"Zerodha takes at most {qty(MAX_SHARES)} shares in one order; "
            f"this one has {qty(order.qty)}. Split it."
        )
    each = _limit_of(order) or _trigger_of(order) or order.reference_price
    if each is not None and order.qty * each > MAX_VALUE:
        found.append(
            f"Zerodha takes at most ₹10 crore in one order of shares; "
            f"this one is worth {rupees(order.qty * each)}. Split it."
        )
    return found
