"""The shapes of Kite Connect's answers: exact keys and JSON types, as the broker documents them.

Written from the broker's documentation, not from the simulator. `differences` compares a value
with a shape: a dict wants exactly these keys (optional ones apart), a list wants any number of
one shape, a type wants that type.
"""

import re
from dataclasses import dataclass
from typing import Any

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}")


@dataclass(frozen=True)
class Maybe:
    """The shape or null."""

    shape: Any


@dataclass(frozen=True)
class Optional:
    """A key that may be missing."""

    name: str


@dataclass(frozen=True)
class Text:
    """A string that fully matches a pattern."""

    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Keyed:
    """An object whose keys are data, each value of one shape."""

    shape: Any


NUMBER = (int, float)
MOMENT = Text(_MOMENT)
TIME = Text(_TIME)
ORDER_ID = Text(re.compile(r"\d{15,19}"))
HEX_64 = Text(re.compile(r"[0-9a-f]{64}"))

PLACED = {"order_id": ORDER_ID}
TRIGGER = {"trigger_id": int}

ORDER = {
    "placed_by": str,
    Optional("account_id"): str,
    "order_id": ORDER_ID,
    "exchange_order_id": Maybe(str),
    "parent_order_id": Maybe(str),
    "status": str,
    "status_message": Maybe(str),
    "status_message_raw": Maybe(str),
    "order_timestamp": MOMENT,
    "exchange_update_timestamp": Maybe(MOMENT),
    "exchange_timestamp": Maybe(MOMENT),
    "variety": str,
    "modified": bool,
    "exchange": str,
    "tradingsymbol": str,
    "instrument_token": int,
    "order_type": str,
    "transaction_type": str,
    "validity": str,
    "validity_ttl": int,
    "product": str,
    "quantity": int,
    "disclosed_quantity": int,
    "price": NUMBER,
    "trigger_price": NUMBER,
    "average_price": NUMBER,
    "filled_quantity": int,
    "pending_quantity": int,
    "cancelled_quantity": int,
    "market_protection": NUMBER,
    "meta": Keyed(object),
    "tag": Maybe(str),
    Optional("tags"): [str],
    Optional("auction_number"): Maybe(str),
    "guid": Maybe(str),
}

POSTBACK = {
    **{name: shape for name, shape in ORDER.items() if name not in ("modified", Optional("tags"))},
    "user_id": str,
    "unfilled_quantity": int,
    "app_id": int,
    "checksum": HEX_64,
}

TRADE = {
    "trade_id": str,
    "order_id": ORDER_ID,
    "exchange": str,
    "tradingsymbol": str,
    "instrument_token": int,
    "product": str,
    "average_price": NUMBER,
    "quantity": int,
    "exchange_order_id": str,
    "transaction_type": str,
    "fill_timestamp": MOMENT,
    "order_timestamp": TIME,
    "exchange_timestamp": MOMENT,
}

POSITION = {
    "tradingsymbol": str,
    "exchange": str,
    "instrument_token": int,
    "product": str,
    "quantity": int,
    "overnight_quantity": int,
    "multiplier": NUMBER,
    "average_price": NUMBER,
    "close_price": NUMBER,
    "last_price": NUMBER,
    "value": NUMBER,
    "pnl": NUMBER,
    "m2m": NUMBER,
    "unrealised": NUMBER,
    "realised": NUMBER,
    **{f"{side}_quantity": int for side in ("buy", "sell", "day_buy", "day_sell")},
    **{f"{side}_price": NUMBER for side in ("buy", "sell", "day_buy", "day_sell")},
    **{f"{side}_value": NUMBER for side in ("buy", "sell", "day_buy", "day_sell")},
    "buy_m2m": NUMBER,
    "sell_m2m": NUMBER,
}
POSITIONS = {"net": [POSITION], "day": [POSITION]}

HOLDING = {
    "tradingsymbol": str,
    "exchange": str,
    "instrument_token": int,
    "isin": Text(re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")),
    "product": str,
    "price": NUMBER,
    "quantity": int,
    "used_quantity": int,
    "t1_quantity": int,
    "realised_quantity": int,
    "authorised_quantity": int,
    "authorised_date": str,
    "authorisation": Keyed(object),
    "opening_quantity": int,
    "short_quantity": int,
    "collateral_quantity": int,
    "collateral_type": str,
    "discrepancy": bool,
    "average_price": NUMBER,
    "last_price": NUMBER,
    "close_price": NUMBER,
    "pnl": NUMBER,
    "day_change": NUMBER,
    "day_change_percentage": NUMBER,
    "mtf": {
        "quantity": int,
        "used_quantity": int,
        "average_price": NUMBER,
        "value": NUMBER,
        "initial_margin": NUMBER,
    },
}

SEGMENT = {
    "enabled": bool,
    "net": NUMBER,
    "available": dict.fromkeys(
        (
            "adhoc_margin", "cash", "opening_balance", "live_balance", "collateral",
            "intraday_payin",
        ),
        NUMBER,
    ),
    "utilised": dict.fromkeys(
        (
            "debits", "exposure", "m2m_realised", "m2m_unrealised", "option_premium", "payout",
            "span", "holding_sales", "turnover", "liquid_collateral", "stock_collateral",
            "delivery",
        ),
        NUMBER,
    ),
}  # fmt: skip
MARGINS = {"equity": SEGMENT, "commodity": SEGMENT}

CHARGES = {
    "transaction_tax": NUMBER,
    "transaction_tax_type": str,
    "exchange_turnover_charge": NUMBER,
    "sebi_turnover_charge": NUMBER,
    "brokerage": NUMBER,
    "stamp_duty": NUMBER,
    "gst": {"igst": NUMBER, "cgst": NUMBER, "sgst": NUMBER, "total": NUMBER},
    "total": NUMBER,
}
ORDER_MARGIN = {
    "type": str,
    "tradingsymbol": str,
    "exchange": str,
    "span": NUMBER,
    "exposure": NUMBER,
    "option_premium": NUMBER,
    "additional": NUMBER,
    "bo": NUMBER,
    "cash": NUMBER,
    "var": NUMBER,
    "pnl": {"realised": NUMBER, "unrealised": NUMBER},
    "leverage": NUMBER,
    "charges": CHARGES,
    "total": NUMBER,
}
_MARGIN_SUM = {
    **{name: shape for name, shape in ORDER_MARGIN.items() if name != "charges"},
    Optional("charges"): CHARGES,
}
BASKET = {
    "initial": _MARGIN_SUM,
    "final": _MARGIN_SUM,
    "orders": [ORDER_MARGIN],
    "charges": CHARGES,
}
CONTRACT_NOTE = {
    "transaction_type": str,
    "tradingsymbol": str,
    "exchange": str,
    "variety": str,
    "product": str,
    "order_type": str,
    "quantity": int,
    "price": NUMBER,
    "charges": CHARGES,
}

GTT = {
    "id": int,
    "user_id": str,
    "parent_trigger": Maybe(int),
    "type": Text(re.compile("single|two-leg")),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "expires_at": MOMENT,
    "status": Text(
        re.compile("active|triggered|disabled|expired|cancelled|rejected|deleted"),
    ),
    "condition": {
        "exchange": str,
        "last_price": NUMBER,
        "tradingsymbol": str,
        "trigger_values": [NUMBER],
        "instrument_token": int,
    },
    "orders": [
        {
            "exchange": str,
            "tradingsymbol": str,
            "product": str,
            "order_type": str,
            "transaction_type": str,
            "quantity": int,
            "price": NUMBER,
            "result": Maybe(Keyed(object)),
        }
    ],
    "meta": Keyed(object),
}
ORDER_RESULT = {"status": str, "order_id": str, "rejection_reason": str}

PROFILE = {
    "user_id": str,
    "user_type": str,
    "email": str,
    "user_name": str,
    "user_shortname": str,
    "broker": str,
    "exchanges": [str],
    "products": [str],
    "order_types": [str],
    "avatar_url": Maybe(str),
    "meta": {"demat_consent": str},
}
SESSION = {
    **PROFILE,
    "api_key": str,
    "access_token": Text(re.compile(r"\w+")),
    "public_token": str,
    "enctoken": str,
    "refresh_token": str,
    "silo": str,
    "login_time": MOMENT,
}

_LEVEL = {"price": NUMBER, "quantity": int, "orders": int}
_OHLC = dict.fromkeys(("open", "high", "low", "close"), NUMBER)
LTP = Keyed({"instrument_token": int, "last_price": NUMBER})
OHLC = Keyed({"instrument_token": int, "last_price": NUMBER, "ohlc": _OHLC})
QUOTE = Keyed(
    {
        "instrument_token": int,
        "timestamp": MOMENT,
        "last_trade_time": Maybe(MOMENT),
        "last_price": NUMBER,
        "last_quantity": int,
        "buy_quantity": int,
        "sell_quantity": int,
        "volume": int,
        "average_price": NUMBER,
        "oi": NUMBER,
        "oi_day_high": NUMBER,
        "oi_day_low": NUMBER,
        "net_change": NUMBER,
        "lower_circuit_limit": NUMBER,
        "upper_circuit_limit": NUMBER,
        "ohlc": _OHLC,
        "depth": {"buy": [_LEVEL], "sell": [_LEVEL]},
    }
)

ERROR = {
    "status": Text(re.compile("error")),
    "message": str,
    "data": Maybe(object),
    "error_type": Text(re.compile(r"[A-Z]\w+Exception")),
}
INSTRUMENT_COLUMNS = [
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry",
    "strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange",
]  # fmt: skip


def success(shape: Any) -> dict[str, Any]:
    """The envelope around an answer of that shape."""
    return {"status": Text(re.compile("success")), "data": shape}


def differences(shape: Any, value: Any, where: str = "$") -> list[str]:
    """What is wrong with the value, each with its path; empty when it fits."""
    if isinstance(shape, Maybe):
        return [] if value is None else differences(shape.shape, value, where)
    if isinstance(shape, Text):
        if isinstance(value, str) and shape.pattern.fullmatch(value):
            return []
        return [f"{where}: {value!r} does not match {shape.pattern.pattern}"]
    if isinstance(shape, Keyed):
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no object"]
        return [
            line
            for key, item in value.items()
            for line in differences(shape.shape, item, f"{where}.{key}")
        ]
    if isinstance(shape, dict):
        return _object_differences(shape, value, where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [
            line
            for number, item in enumerate(value)
            for line in differences(shape[0], item, f"{where}[{number}]")
        ]
    return _type_differences(shape, value, where)


def _object_differences(shape: dict[Any, Any], value: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    optional = {key.name: item for key, item in shape.items() if isinstance(key, Optional)}
    needed = {key: item for key, item in shape.items() if isinstance(key, str)}
    known = needed | optional
    lines = [f"{where}: {name} is missing" for name in needed if name not in value]
    lines += [f"{where}: {name} does not belong" for name in value if name not in known]
    for name, item in value.items():
        if name in known:
            lines += differences(known[name], item, f"{where}.{name}")
    return lines


def _type_differences(shape: Any, value: Any, where: str) -> list[str]:
    # JSON's true is no number, though Python's is.
    if isinstance(value, bool) and shape is not bool and shape is not object:
        return [f"{where}: {value!r} is a bool"]
    return [] if isinstance(value, shape) else [f"{where}: {value!r} is not of {shape}"]
