"""Charges of an order at rates of the kind a discount broker and the exchanges ask for."""

from decimal import Decimal
from typing import Any

from brokers.simulator.listing import Instrument

_CENT = Decimal("0.01")
_GST = Decimal("0.18")
_BROKERAGE = Decimal("0.0003")
_BROKERAGE_MOST = Decimal(20)
_SEBI = Decimal("0.000001")


def charges_row(
    instrument: Instrument, product: str, side: str, quantity: int, price: Decimal
) -> dict[str, Any]:
    """The `charges` object of order margins and of the virtual contract note."""
    value = quantity * price * instrument.multiplier
    delivery = product in {"CNC", "MTF"}
    brokerage = Decimal(0) if delivery else min(value * _BROKERAGE, _BROKERAGE_MOST)
    tax = value * _tax_rate(instrument, side, delivery=delivery)
    turnover = value * _turnover_rate(instrument)
    sebi = value * _SEBI
    stamp = value * Decimal("0.00015" if delivery else "0.00003") if side == "BUY" else Decimal(0)
    gst = (brokerage + turnover + sebi) * _GST
    total = brokerage + tax + turnover + sebi + stamp + gst
    return {
        "transaction_tax": _rounded(tax),
        "transaction_tax_type": "ctt" if instrument.exchange == "MCX" else "stt",
        "exchange_turnover_charge": _rounded(turnover),
        "sebi_turnover_charge": _rounded(sebi),
        "brokerage": _rounded(brokerage),
        "stamp_duty": _rounded(stamp),
        "gst": {"igst": _rounded(gst), "cgst": 0, "sgst": 0, "total": _rounded(gst)},
        "total": _rounded(total),
    }


def _tax_rate(instrument: Instrument, side: str, *, delivery: bool) -> Decimal:
    if instrument.exchange in {"CDS", "BCD"} or (side == "BUY" and not delivery):
        return Decimal(0)
    if instrument.exchange == "MCX":
        return Decimal("0.0001")
    if delivery or instrument.is_option:
        return Decimal("0.001")
    return Decimal("0.0002") if instrument.kind == "FUT" else Decimal("0.00025")


def _turnover_rate(instrument: Instrument) -> Decimal:
    if instrument.is_option:
        return Decimal("0.0003503")
    return Decimal("0.0000173") if instrument.kind == "FUT" else Decimal("0.0000297")


def _rounded(amount: Decimal) -> float:
    return float(amount.quantize(_CENT))
