"""Rows in Kite's shapes, with values of our own."""

from decimal import Decimal
from typing import Any

from brokers.port import OrderRequest
from trading.domain.values import OrderType, Product, Side, Variety

API_KEY = "appkey1234567890"
TOKEN = "tokenABCDEFGHIJKLMNOPQRSTUVWXYZ1"
ORDER_ID = "1953341975595868160"
OTHER_ID = "1953341975595868161"


def an_order(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "tag": "STAG00000000000001",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "side": Side.BUY,
        "quantity": 10,
        "order_type": OrderType.LIMIT,
        "price": Decimal("1490.50"),
    }
    return OrderRequest(**(fields | changes))


def a_gtt(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "variety": Variety.GTT,
        "product": Product.CNC,
        "trigger_price": Decimal("1450"),
        "price": Decimal("1451"),
        "last_price": Decimal("1500"),
    }
    return an_order(**(fields | changes))


def order_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "placed_by": "AB1234",
        "order_id": ORDER_ID,
        "exchange_order_id": "1300000012345678",
        "parent_order_id": None,
        "status": "OPEN",
        "status_message": None,
        "status_message_raw": None,
        "order_timestamp": "2026-11-16 10:30:05",
        "exchange_update_timestamp": "2026-11-16 10:30:06",
        "exchange_timestamp": "2026-11-16 10:30:06",
        "variety": "regular",
        "modified": False,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "instrument_token": 408065,
        "order_type": "LIMIT",
        "transaction_type": "BUY",
        "validity": "DAY",
        "validity_ttl": 0,
        "product": "MIS",
        "quantity": 10,
        "disclosed_quantity": 0,
        "price": 1490.5,
        "trigger_price": 0,
        "average_price": 0,
        "filled_quantity": 0,
        "pending_quantity": 10,
        "cancelled_quantity": 0,
        "market_protection": 0,
        "meta": {},
        "tag": "STAG00000000000001",
        "tags": ["STAG00000000000001"],
        "guid": None,
    }
    return row | changes


def trade_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "trade_id": "10000123",
        "order_id": ORDER_ID,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "instrument_token": 408065,
        "product": "MIS",
        "average_price": 1490.45,
        "quantity": 4,
        "exchange_order_id": "1300000012345678",
        "transaction_type": "BUY",
        "fill_timestamp": "2026-11-16 10:31:00",
        "order_timestamp": "10:31:00",
        "exchange_timestamp": "2026-11-16 10:31:00",
    }
    return row | changes


def leg_row(price: float = 1451, result: Any = None, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": "CNC",
        "order_type": "LIMIT",
        "transaction_type": "BUY",
        "quantity": 10,
        "price": price,
        "result": result,
    }
    return row | changes


def outcome(order_id: str = ORDER_ID, status: str = "success", reason: str = "") -> dict[str, Any]:
    return {
        "account_id": "AB1234",
        "order_result": {"status": status, "order_id": order_id, "rejection_reason": reason},
    }


def trigger_row(*legs: dict[str, Any], values: Any = (1450,), **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": 112127,
        "user_id": "AB1234",
        "parent_trigger": None,
        "type": "single" if len(legs) < 2 else "two-leg",
        "created_at": "2026-11-16 10:00:00",
        "updated_at": "2026-11-16 10:00:00",
        "expires_at": "2027-11-16 00:00:00",
        "status": "active",
        "condition": {
            "exchange": "NSE",
            "last_price": 1500,
            "tradingsymbol": "INFY",
            "trigger_values": list(values),
            "instrument_token": 408065,
        },
        "orders": list(legs) or [leg_row()],
        "meta": {},
    }
    return row | changes


def position_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "instrument_token": 408065,
        "product": "MIS",
        "quantity": 6,
        "overnight_quantity": 0,
        "multiplier": 1,
        "average_price": 1500.0,
        "close_price": 1480.0,
        "last_price": 1510.0,
        "value": -8960.0,
        "pnl": 100.0,
        "m2m": 100.0,
        "unrealised": 100.0,
        "realised": 0,
        "buy_quantity": 10,
        "buy_price": 1500.0,
        "buy_value": 15000.0,
        "sell_quantity": 4,
        "sell_price": 1510.0,
        "sell_value": 6040.0,
    }
    return row | changes
