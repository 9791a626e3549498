"""What is asked of a position."""

from typing import Any

from rest_framework import serializers

from trading.api.serializers.fields import (
    MAX_UNITS,
    ConnectionField,
    InputSerializer,
    UnitsField,
    WordField,
)
from trading.domain.values import Product


class PositionExitSerializer(InputSerializer):
    """Which position to close, as `GET /api/positions/` names it. `qty` left out: all of it."""

    connection = ConnectionField()
    symbol = serializers.CharField(max_length=128, help_text="INFY, or NSE:INFY.")
    exchange = serializers.CharField(
        max_length=64, required=False, help_text="May be left out when the symbol names it."
    )
    product = WordField(Product)
    qty = UnitsField(required=False, allow_null=True, min_value=1, max_value=MAX_UNITS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The exchange and the broker's symbol, apart and in capitals."""
        named, _, symbol = attrs["symbol"].strip().upper().rpartition(":")
        exchange = attrs.get("exchange", "").strip().upper() or named
        if not exchange:
            text = "Name the exchange, such as NSE."
            raise serializers.ValidationError({"exchange": [text]})
        if named and named != exchange:
            text = f"The symbol says {named}, the exchange {exchange}: which is it?"
            raise serializers.ValidationError({"exchange": [text]})
        return {**attrs, "exchange": exchange, "symbol": symbol}
