"""What is used of limits."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from risk.engine.denials import Code
from trading.api.serializers.fields import WordField, plain
from trading.domain.values import RiskScope


@extend_schema_field({"oneOf": [{"type": "string", "example": "5000"}, {"type": "integer"}]})
class AmountField(serializers.Field[Any, Any, Any, Any]):
    """Rupees as a decimal string; what is counted as a whole number."""

    def to_representation(self, value: int | Decimal) -> int | str:
        return plain(value) if isinstance(value, Decimal) else value


class LimitUseSerializer(serializers.Serializer[Any]):
    """One limit of one scope on one account, with what is used of it now."""

    connection_id = serializers.IntegerField()
    scope = WordField(RiskScope)
    strategy_id = serializers.IntegerField(allow_null=True)
    code = WordField(Code)
    setting = serializers.CharField()
    limit = AmountField()
    used = AmountField(allow_null=True, help_text="Null while it is not known.")
    unit = serializers.CharField()
    where = serializers.CharField(
        help_text="The instrument, underlying or segment that is nearest to the limit, if any."
    )
