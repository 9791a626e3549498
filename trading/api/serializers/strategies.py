"""Strategies."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from trading.api.serializers.fields import (
    MAX_UNITS,
    ConnectionField,
    ModelSerializer,
    UnitsField,
    UtcField,
    WordField,
)
from trading.domain.off_hours import misfit
from trading.domain.signal import STRATEGY_NAME_LENGTH, STRATEGY_NAME_RULE, is_strategy_name
from trading.domain.values import (
    ExecutionTarget,
    Mode,
    OffHours,
    OrderType,
    Product,
    SizingMode,
)
from trading.models import Strategy
from trading.services import stopped_strategies

_DAY_SECONDS = 86_400


class StrategySerializer(ModelSerializer):
    """How alerts of one name become orders."""

    name = serializers.CharField(
        max_length=STRATEGY_NAME_LENGTH,
        validators=[
            UniqueValidator(Strategy.objects.all(), message="Another strategy has this name.")
        ],
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    execution_mode = WordField(Mode, required=False)
    execution_target = WordField(ExecutionTarget, required=False)
    connection = ConnectionField(required=False, allow_null=True)
    default_order_type = WordField(OrderType, required=False)
    default_product = WordField(Product, required=False)
    off_hours = WordField(OffHours, required=False)
    time_to_live_seconds = UnitsField(required=False, min_value=1, max_value=_DAY_SECONDS)
    dedupe_window_seconds = UnitsField(required=False, min_value=0, max_value=_DAY_SECONDS)
    sizing_mode = WordField(SizingMode, required=False)
    created_at = UtcField(read_only=True)
    updated_at = UtcField(read_only=True)

    class Meta:
        model = Strategy
        fields = (
            "id",
            "name",
            "description",
            "execution_mode",
            "execution_target",
            "connection",
            "enabled",
            "archived",
            "default_order_type",
            "default_product",
            "market_protection",
            "off_hours",
            "time_to_live_seconds",
            "dedupe_window_seconds",
            "sizing_mode",
            "sizing_value",
            "created_at",
            "updated_at",
        )

    def validate_name(self, name: str) -> str:
        if not is_strategy_name(name):
            raise serializers.ValidationError(f"Use {STRATEGY_NAME_RULE}.")
        return name

    def validate_market_protection(self, value: Decimal) -> Decimal:
        if value != -1 and not 0 < value <= 100:
            raise serializers.ValidationError(
                "Use -1 for automatic, or a percentage above 0 and up to 100."
            )
        return value

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Raises Conflict where a strategy that is stopped would get out of it."""
        stored = Strategy.objects.get(pk=instance.pk)
        stopped_strategies.check_change(
            stored, name=validated_data.get("name"), mode=validated_data.get("execution_mode")
        )
        return super().update(instance, validated_data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        def after(name: str, default: Any = None) -> Any:
            return attrs.get(name, getattr(self.instance, name, default))

        errors = _sizing_errors(after("sizing_mode", SizingMode.ALERT), after("sizing_value"))
        # Only where one of the two is set: an older strategy must still be switched off in haste.
        if {"off_hours", "default_product"} & attrs.keys():
            off_hours = OffHours(after("off_hours", OffHours.AMO))
            if wrong := misfit(off_hours, Product(after("default_product", Product.MIS))):
                errors["off_hours"] = [wrong]
        account = after("connection")
        target = after("execution_target", ExecutionTarget.PAPER)
        if account is not None and account.simulated is not (target == ExecutionTarget.PAPER):
            errors["connection"] = [
                f"{account.name} is a {'paper' if account.simulated else 'live'} account, and the "
                f"strategy's target is {target}: change one of the two, or leave this empty."
            ]
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


def _sizing_errors(mode: str, value: Decimal | None) -> dict[str, list[str]]:
    if mode == SizingMode.ALERT:
        return {}
    unit = "units" if mode == SizingMode.FIXED else "rupees"
    if value is None or value <= 0:
        return {"sizing_value": [f"Sizing {mode} needs a number of {unit} above 0."]}
    if mode == SizingMode.FIXED and (value != value.to_integral_value() or value > MAX_UNITS):
        return {"sizing_value": [f"Use whole units, at most {MAX_UNITS}."]}
    return {}
