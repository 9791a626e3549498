"""Orders, their events, and what can be asked of them."""

from enum import StrEnum
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from trading.api.serializers.fields import (
    MAX_UNITS,
    ConnectionField,
    InputSerializer,
    ModelSerializer,
    MoneyField,
    TextOrNullField,
    UnitsField,
    UtcField,
    WordField,
)
from trading.domain.order import Status
from trading.domain.values import Mode, OrderType, Origin, Product, Side, Validity, Variety
from trading.models import Order, OrderEvent

_TEXT = {"type": "string"}
_RISK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "nullable": True,
    "description": "What risk decided, or of a waiting order would decide now.",
    "properties": {
        "outcome": {"type": "string", "enum": ["PASS", "CLAMP", "DENY"]},
        "requested_qty": {"type": "integer"},
        "final_qty": {"type": "integer"},
        "notes": {"type": "array", "items": _TEXT},
        "gates": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": dict.fromkeys(("code", "message"), _TEXT),
            },
        },
        "checks": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    **dict.fromkeys(("code", "scope", "setting", "message"), _TEXT),
                    "limit": {},
                    "value": {},
                    "verdict": {"type": "string", "enum": ["PASS", "CLAMP", "DENY"]},
                },
            },
        },
        "evaluated_at": {"type": "string", "format": "date-time"},
    },
}


class QueueStatus(StrEnum):
    """Where a person may put an order that was never sent."""

    WAITING = "WAITING"
    CANCELLED = "CANCELLED"


class Placement(StrEnum):
    """What a person may say of an order whose outcome is unknown."""

    NOT_PLACED = "NOT_PLACED"
    PLACED = "PLACED"


@extend_schema_field(_RISK_SCHEMA)
class RiskField(serializers.JSONField):
    """The decision as it is stored on the order."""


@extend_schema_field({"type": "array", "items": _TEXT})
class TextsField(serializers.JSONField):
    """A list of texts for people."""


class FieldErrors(serializers.DictField):
    """What is wrong and how to mend it, by field."""

    child = serializers.ListField(child=serializers.CharField())


class OrderSerializer(ModelSerializer):
    """An order as it stands."""

    alert_id = serializers.IntegerField(read_only=True, allow_null=True)
    strategy_id = serializers.IntegerField(read_only=True, allow_null=True)
    side = WordField(Side, read_only=True)
    order_type = WordField(OrderType, read_only=True)
    product = WordField(Product, read_only=True)
    validity = WordField(Validity, read_only=True)
    variety = WordField(Variety, read_only=True)
    status = WordField(Status, read_only=True)
    mode = WordField(Mode, read_only=True)
    origin = WordField(Origin, read_only=True)
    retry_of = serializers.IntegerField(source="retry_of_id", read_only=True, allow_null=True)
    connection = ConnectionField(read_only=True)
    connection_id = serializers.IntegerField(read_only=True)
    broker_order_id = TextOrNullField(read_only=True)
    zerodha_order_id = TextOrNullField(source="broker_order_id", read_only=True)
    broker_trigger_id = TextOrNullField(read_only=True)
    error_message = TextOrNullField(read_only=True)
    set_aside_reason = TextOrNullField(read_only=True)
    risk = RiskField(read_only=True)
    warnings = TextsField(read_only=True)
    created_at = UtcField(read_only=True)
    updated_at = UtcField(read_only=True)
    queued_at = UtcField(read_only=True, allow_null=True)
    sent_at = UtcField(read_only=True, allow_null=True)
    expires_at = UtcField(read_only=True, allow_null=True)

    class Meta:
        model = Order
        fields = (
            "id",
            "alert_id",
            "strategy_id",
            "symbol",
            "exchange",
            "tradingsymbol",
            "side",
            "qty",
            "price",
            "reference_price",
            "trigger_price",
            "order_type",
            "product",
            "validity",
            "gtt",
            "status",
            "mode",
            "simulated",
            "needs_quantity",
            "client_order_id",
            "broker_order_id",
            "zerodha_order_id",
            "filled_qty",
            "average_price",
            "error_message",
            "risk",
            "requested_qty",
            "connection",
            "connection_id",
            "origin",
            "variety",
            "reduce_only",
            "broker_trigger_id",
            "cancel_requested",
            "set_aside_reason",
            "repaired",
            "warnings",
            "retry_of",
            "version",
            "created_at",
            "updated_at",
            "queued_at",
            "sent_at",
            "expires_at",
        )
        read_only_fields = fields


class OrderEventSerializer(ModelSerializer):
    """One entry of an order's log; `from` is null for the first."""

    at = UtcField(read_only=True)
    to = serializers.CharField(source="to_status", read_only=True)

    class Meta:
        model = OrderEvent
        fields = ("sequence", "at", "to", "actor", "reason")
        read_only_fields = fields

    def get_fields(self) -> dict[str, Any]:
        """With the names that Python and the framework keep for themselves."""
        fields = super().get_fields()
        fields["data"] = serializers.JSONField(read_only=True)
        fields["from"] = serializers.CharField(
            source="from_status", read_only=True, allow_null=True
        )
        return fields


class OrderEditSerializer(InputSerializer):
    """New values of a waiting order. A price of null is cleared."""

    qty = UnitsField(required=False, min_value=1, max_value=MAX_UNITS)
    price = MoneyField(required=False, allow_null=True)
    trigger_price = MoneyField(required=False, allow_null=True)
    order_type = WordField(OrderType, required=False)
    product = WordField(Product, required=False)
    validity = WordField(Validity, required=False)
    gtt = serializers.BooleanField(required=False)
    version = UnitsField(
        required=False, min_value=1, help_text="As it was read; 409 when it is no longer."
    )


class OrderModifySerializer(InputSerializer):
    """New values of an order that works at the broker."""

    qty = UnitsField(required=False, min_value=1, max_value=MAX_UNITS)
    price = MoneyField(required=False, allow_null=True)
    trigger_price = MoneyField(required=False, allow_null=True)
    order_type = WordField(OrderType, required=False)
    validity = WordField(Validity, required=False)


class OrderStatusSerializer(InputSerializer):
    """CANCELLED takes a waiting order out of the queue, WAITING puts it back."""

    status = WordField(QueueStatus)


class OrderExecuteSerializer(InputSerializer):
    """`wait` false answers at once."""

    wait = serializers.BooleanField(required=False, default=True)
    version = UnitsField(required=False, min_value=1)


class OrderResolveSerializer(InputSerializer):
    """What became of an order whose outcome is unknown, and how you know."""

    outcome = WordField(Placement)
    broker_order_id = serializers.RegexField(
        r"^[A-Za-z0-9_-]*$",
        required=False,
        allow_blank=True,
        max_length=64,
        default="",
        error_messages={"invalid": "Use the id that the broker shows: letters and digits."},
    )
    reason = serializers.CharField(max_length=1000)


class ErrorSerializer(serializers.Serializer[Any]):
    """Every refusal. `errors` by field; `detail` repeats `message`."""

    code = serializers.CharField()
    message = serializers.CharField()
    detail = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """With `errors`, which the framework keeps for itself."""
        return super().get_fields() | {"errors": FieldErrors(read_only=True)}


class OrderErrorSerializer(ErrorSerializer):
    """A refusal to execute, with the order as it stands now."""

    status = serializers.CharField()
    order = OrderSerializer()
