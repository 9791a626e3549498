"""Answers of the simulated broker that change nothing: quotes, estimates, profile, ledger."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.simulator.book import KITE_TIME, Order
from brokers.simulator.charges import charges_row
from brokers.simulator.gtt import Trigger
from brokers.simulator.listing import Instrument
from brokers.simulator.margins import Need, expected_price, need_for, opening_quantity
from brokers.simulator.market import Market, Ticker
from brokers.simulator.portfolio import Portfolio
from brokers.simulator.validation import EXCHANGES, Request, read_request

_LEVELS = 5


def quote_row(ticker: Ticker, mode: str, open_at: datetime) -> dict[str, Any]:
    """One instrument of `/quote`, `/quote/ohlc` or `/quote/ltp`."""
    instrument = ticker.instrument
    row: dict[str, Any] = {
        "instrument_token": instrument.token,
        "last_price": float(ticker.last),
    }
    if mode == "ltp":
        return row
    row["ohlc"] = {
        "open": float(ticker.open),
        "high": float(ticker.high),
        "low": float(ticker.low),
        "close": float(ticker.close),
    }
    if mode == "ohlc":
        return row
    average = ticker.turnover / ticker.volume if ticker.volume else ticker.last
    depth = {"buy": _levels(ticker, -1), "sell": _levels(ticker, 1)}
    row.update(
        {
            "timestamp": open_at.strftime(KITE_TIME),
            "last_trade_time": ticker.at.strftime(KITE_TIME),
            "last_quantity": ticker.last_quantity,
            "buy_quantity": sum(level["quantity"] for level in depth["buy"]),
            "sell_quantity": sum(level["quantity"] for level in depth["sell"]),
            "volume": ticker.volume,
            "average_price": float(round(average, 2)),
            "oi": 0,
            "oi_day_high": 0,
            "oi_day_low": 0,
            "net_change": float(ticker.last - ticker.close),
            "lower_circuit_limit": float(ticker.lower),
            "upper_circuit_limit": float(ticker.upper),
            "depth": depth,
        }
    )
    return row


def _levels(ticker: Ticker, direction: int) -> list[dict[str, Any]]:
    instrument = ticker.instrument
    rows = []
    for level in range(_LEVELS):
        price = ticker.last + direction * (level + 1) * instrument.tick_size
        inside = ticker.lower <= price <= ticker.upper and not instrument.is_index
        quantity = instrument.lot_size * (level + 1) * 10 if inside else 0
        rows.append(
            {
                "price": float(price) if inside else 0,
                "quantity": quantity,
                "orders": level + 1 if inside else 0,
            }
        )
    return rows


def profile_row(user_id: str) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "user_type": "individual",
        "email": f"{user_id.lower()}@example.com",
        "user_name": f"Simulated User {user_id}",
        "user_shortname": user_id,
        "broker": "ZERODHA",
        "exchanges": [*EXCHANGES],
        "products": ["CNC", "NRML", "MIS", "BO", "CO"],
        "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
        "avatar_url": None,
        "meta": {"demat_consent": "consent"},
    }


class Estimates:
    """Margins and charges of orders that nobody placed."""

    def __init__(self, market: Market, portfolio: Portfolio) -> None:
        self._market = market
        self._portfolio = portfolio

    def order_margins(
        self, orders: Iterable[Mapping[str, Any]], *, compact: bool
    ) -> list[dict[str, Any]]:
        rows = []
        for order in orders:
            request = self._read(order)
            need = self._need(request, request.terms.quantity)
            row = {**_need_row(request.instrument, need), "charges": self._charges(request)}
            rows.append(
                {name: row[name] for name in ("type", "tradingsymbol", "exchange", "total")}
                if compact
                else row
            )
        return rows

    def basket_margins(
        self, orders: Iterable[Mapping[str, Any]], *, consider_positions: bool
    ) -> dict[str, Any]:
        """Orders of one basket may close what earlier ones, or positions, opened."""
        requests = [self._read(order) for order in orders]
        held: dict[tuple[str, str], int] = {}
        initial, final = [], []
        for request in requests:
            key = (request.instrument.key, request.product)
            if key not in held:
                position = self._portfolio.held(request.instrument, request.product)
                held[key] = position if consider_positions else 0
            quantity = request.terms.quantity
            opening = opening_quantity(request.side, quantity, held[key])
            held[key] += quantity if request.side == "BUY" else -quantity
            initial.append(self._need(request, quantity))
            final.append(self._need(request, opening))
        charges = [self._charges(request) for request in requests]
        return {
            "initial": _sum_row(initial),
            "final": _sum_row(final),
            "orders": [
                {**_need_row(request.instrument, need), "charges": charge}
                for request, need, charge in zip(requests, initial, charges, strict=True)
            ],
            "charges": _sum_charges(charges),
        }

    def charges(self, orders: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The virtual contract note: `average_price` is the price of the trade."""
        rows = []
        for order in orders:
            price = order.get("average_price") or order.get("price") or 0
            request = self._read({**order, "price": price, "order_type": "MARKET"})
            paid = Decimal(str(price)) or self._market.last(request.instrument)
            rows.append(
                {
                    "transaction_type": request.side,
                    "tradingsymbol": request.instrument.tradingsymbol,
                    "exchange": request.instrument.exchange,
                    "variety": request.variety,
                    "product": request.product,
                    "order_type": order.get("order_type") or "MARKET",
                    "quantity": request.terms.quantity,
                    "price": float(paid),
                    "charges": charges_row(
                        request.instrument,
                        request.product,
                        request.side,
                        request.terms.quantity,
                        paid,
                    ),
                }
            )
        return rows

    def _read(self, order: Mapping[str, Any]) -> Request:
        params = {name: str(value) for name, value in order.items() if value is not None}
        return read_request(params.get("variety", "regular"), params, self._market)

    def _need(self, request: Request, quantity: int) -> Need:
        price = expected_price(request.terms, request.instrument, self._market)
        return need_for(request.instrument, request.product, request.side, quantity, price)

    def _charges(self, request: Request) -> dict[str, Any]:
        price = expected_price(request.terms, request.instrument, self._market)
        return charges_row(
            request.instrument, request.product, request.side, request.terms.quantity, price
        )


def _need_row(instrument: Instrument | None, need: Need) -> dict[str, Any]:
    kind = "commodity" if instrument and instrument.exchange == "MCX" else "equity"
    return {
        "type": kind,
        "tradingsymbol": instrument.tradingsymbol if instrument else "",
        "exchange": instrument.exchange if instrument else "",
        "span": float(need.span),
        "exposure": float(need.exposure),
        "option_premium": float(need.option_premium),
        "additional": 0,
        "bo": 0,
        "cash": float(need.cash),
        "var": float(need.var),
        "pnl": {"realised": 0, "unrealised": 0},
        "leverage": 5 if need.var else 1,
        "total": float(need.total),
    }


def _sum_row(needs: list[Need]) -> dict[str, Any]:
    names = ("cash", "var", "span", "exposure", "option_premium")
    total = Need(*(sum((getattr(need, name) for need in needs), Decimal(0)) for name in names))
    return _need_row(None, total)


def _sum_charges(rows: list[dict[str, Any]]) -> dict[str, Any]:
    total = charges_total(rows)
    gst = charges_total([row["gst"] for row in rows])
    return {**total, "transaction_tax_type": "stt", "gst": gst}


def charges_total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of equal rows, added up."""
    total: dict[str, float] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int | float):
                total[name] = round(total.get(name, 0) + value, 2)
    return total


def ledger(
    orders: Iterable[Order],
    triggers: Iterable[Trigger],
    portfolio: Portfolio,
) -> dict[str, Any]:
    """The truth for tests, over all days: never late, doubled or stale."""
    orders = list(orders)
    return {
        "orders": [_ledger_order(order) for order in orders],
        "trades": [
            {**trade.row(), "price": float(trade.price), "at": trade.at.isoformat()}
            for order in orders
            for trade in order.trades
        ],
        "triggers": [
            {**trigger.row(), "order_ids": [leg.order_id for leg in trigger.fired if leg.order_id]}
            for trigger in triggers
        ],
        "positions": portfolio.position_rows()["net"],
    }


def _ledger_order(order: Order) -> dict[str, Any]:
    row = order.history[-1]
    names = (
        "order_id tag status status_message variety exchange tradingsymbol transaction_type "
        "product order_type quantity price filled_quantity average_price"
    )
    return {
        **{name: row[name] for name in names.split()},
        "tags": row.get("tags", []),
        "placed_at": order.placed_at.isoformat(),
        "source": order.source,
    }
