"""What closed trades add up to."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from trading.api.serializers.fields import MoneyField, plain

_STEP = Decimal("0.0001")


class RoundedField(MoneyField):
    """A quotient, at four decimals."""

    def to_representation(self, value: Decimal) -> str:
        return plain(value.quantize(_STEP))


@extend_schema_field(OpenApiTypes.INT)
class SecondsField(serializers.Field[Any, Any, Any, Any]):
    """A span in whole seconds."""

    def to_representation(self, value: timedelta) -> int:
        return round(value.total_seconds())


class AnalyticsSummarySerializer(serializers.Serializer[Any]):
    """Rupees as decimal strings; `net` is `gross` less `charges`, and wins and losses are judged
    on it. Null where nothing can be said."""

    trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    flat = serializers.IntegerField()
    gross = MoneyField()
    charges = MoneyField()
    charges_told = MoneyField(
        help_text="Of the charges, what the broker itself told. The rest is worked out from the "
        "schedule of charges."
    )
    net = MoneyField()
    won = MoneyField()
    lost = MoneyField(help_text="Zero or negative.")
    best = MoneyField(allow_null=True)
    worst = MoneyField(allow_null=True)
    win_rate = RoundedField(allow_null=True, help_text="Percent.")
    average_win = RoundedField(allow_null=True)
    average_loss = RoundedField(allow_null=True)
    profit_factor = RoundedField(allow_null=True)
    expectancy = RoundedField(allow_null=True, help_text="Net rupees of the average trade.")
    average_r = RoundedField(allow_null=True)
    max_drawdown = MoneyField()
    drawdown_from = serializers.DateField(allow_null=True)
    drawdown_to = serializers.DateField(allow_null=True)
    average_holding = SecondsField(allow_null=True)
    median_holding = SecondsField(allow_null=True)
    pending_days = serializers.IntegerField(
        help_text="Days of accounts that are not added up yet: what is new in them is missing."
    )
