"""What a broker shows of an account, and what an order would take there."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from brokers.models import AccountHolding
from trading.api.serializers.fields import (
    MAX_UNITS,
    InputSerializer,
    ModelSerializer,
    MoneyField,
    UnitsField,
    UtcField,
    WordField,
)
from trading.domain.values import OrderType, Product, Side, Validity


class PositionsReadSerializer(serializers.Serializer[Any]):
    """How many rows the broker showed, and when."""

    positions = serializers.IntegerField()
    holdings = serializers.IntegerField()
    read_at = UtcField()


class OrdersReadSerializer(serializers.Serializer[Any]):
    """After the order book was followed: orders that changed, that still work, that are unclear."""

    changed = serializers.IntegerField()
    working = serializers.IntegerField()
    unknown = serializers.IntegerField()


class HoldingSerializer(ModelSerializer):
    """Delivered shares. `t1_qty`: bought, not settled yet, and not part of `qty`."""

    symbol = serializers.SerializerMethodField(help_text="With its exchange, as orders show it.")
    qty = serializers.IntegerField(source="quantity", read_only=True)
    t1_qty = serializers.IntegerField(source="t1_quantity", read_only=True)

    class Meta:
        model = AccountHolding
        fields = (
            "symbol",
            "exchange",
            "tradingsymbol",
            "qty",
            "t1_qty",
            "average_price",
            "last_price",
            "pnl",
        )
        read_only_fields = fields

    def get_symbol(self, holding: AccountHolding) -> str:
        return f"{holding.exchange}:{holding.tradingsymbol}"


class MarginsSerializer(serializers.Serializer[Any]):
    """Rupees for new orders, and the broker's own answer."""

    available = MoneyField()
    raw = serializers.JSONField()


class OrderPreviewSerializer(InputSerializer):
    """An order that could be placed; nothing is."""

    symbol = serializers.CharField(max_length=140, help_text="NSE:INFY, or INFY with its exchange.")
    exchange = serializers.CharField(max_length=16, required=False, allow_blank=True, default="")
    side = WordField(Side)
    qty = UnitsField(min_value=1, max_value=MAX_UNITS)
    order_type = WordField(OrderType, required=False, default=OrderType.MARKET.value)
    product = WordField(Product, required=False, default=Product.MIS.value)
    validity = WordField(Validity, required=False, default=Validity.DAY.value)
    price = MoneyField(required=False, allow_null=True, default=None)
    trigger_price = MoneyField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The exchange and the symbol there, apart and in capitals; the prices that are needed."""
        named, _, symbol = attrs["symbol"].strip().upper().rpartition(":")
        exchange = attrs["exchange"].strip().upper() or named
        errors: dict[str, list[str]] = {}
        if not symbol or not exchange:
            errors["symbol"] = ["Use a symbol with its exchange, such as NSE:INFY."]
        elif named and named != exchange:
            errors["exchange"] = [f"The symbol says {named}, the exchange {exchange}."]
        order_type = OrderType(attrs["order_type"])
        for name, needed in (
            ("price", order_type.needs_price),
            ("trigger_price", order_type.needs_trigger),
        ):
            price: Decimal | None = attrs[name]
            if price is not None and price <= 0:
                errors[name] = ["Use a price above 0."]
            elif needed and price is None:
                errors[name] = [f"A {order_type} order needs it."]
        if errors:
            raise serializers.ValidationError(errors)
        return {**attrs, "exchange": exchange, "symbol": symbol}


class OrderCostSerializer(serializers.Serializer[Any]):
    """Rupees that the order would block or pay, and the charges on top."""

    charges = MoneyField()
    currency = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """With `required`, which the framework keeps for itself."""
        return {"required": MoneyField(), **super().get_fields()}


class PendingSerializer(serializers.Serializer[Any]):
    """The broker has not answered yet: ask again in a moment."""

    status = serializers.CharField()
    message = serializers.CharField()
