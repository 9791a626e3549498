"""Fields that mean the same everywhere: exact money, whole units, UTC times, closed words."""

import re
from datetime import UTC
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from brokers.models import BrokerConnection
from risk.models import symbol_entries
from sigmatrader.fields import ScaledDecimalField

MAX_UNITS = 10**9
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


def plain(number: Decimal) -> str:
    """A number without exponent and trailing zeros: "1500", "812.4"."""
    return format(number.normalize(), "f") if number else "0"


class MoneyField(serializers.DecimalField):
    """Rupees as a decimal string; a JSON number is taken too. Four decimals, exact."""

    default_error_messages = {
        "invalid": "Write a number with digits and an optional decimal point, such as 1500.05."
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 18)
        kwargs.setdefault("decimal_places", 4)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, Decimal) and abs(data.adjusted()) < 30:
            data = format(data, "f")
        elif isinstance(data, int) and not isinstance(data, bool):
            data = str(data)
        if not isinstance(data, str) or not _DECIMAL.fullmatch(data.strip(" ")):
            self.fail("invalid")
        return super().to_internal_value(data.strip(" "))

    def to_representation(self, value: Decimal) -> str:
        return plain(value)


class UnitsField(serializers.IntegerField):
    """A whole number; digits in quotes are taken too."""

    default_error_messages = {"invalid": "Write a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, Decimal) and data.is_finite() and data == data.to_integral_value():
            data = format(data.quantize(Decimal(1)), "f") if abs(data) < 10**18 else ""
        elif isinstance(data, int) and not isinstance(data, bool):
            data = str(data)
        if not isinstance(data, str) or not _WHOLE.fullmatch(data.strip(" ")):
            self.fail("invalid")
        return int(super().to_internal_value(data.strip(" ")))


class UtcField(serializers.DateTimeField):
    """ISO 8601 in UTC, with Z."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)


class WordField(serializers.ChoiceField):
    """One of a closed list of words; a refusal names them all."""

    def __init__(self, words: type[StrEnum], **kwargs: Any) -> None:
        self.words = words
        names = [word.value for word in words]
        message = f"Use one of {', '.join(names)}."
        super().__init__(
            choices=names,
            error_messages={"invalid_choice": message, "null": message, "required": message},
            **kwargs,
        )


class _WordSchema(OpenApiSerializerFieldExtension):
    """Each list of words is one component of the schema, under its own name."""

    target_class = WordField

    def get_name(self) -> str:
        return str(self.target.words.__name__)

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "enum": [word.value for word in self.target.words]}


@extend_schema_field({"type": "string", "nullable": True})
class TextOrNullField(serializers.CharField):
    """A text that is null while there is none."""

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) or None


@extend_schema_field(
    {
        "type": "string",
        "nullable": True,
        "description": "The account by its name (its id is taken too).",
    }
)
class ConnectionField(serializers.RelatedField[BrokerConnection, BrokerConnection, str]):
    """An account by name or id; empty or null for none."""

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("queryset", BrokerConnection.objects.all())
        super().__init__(**kwargs)

    def use_pk_only_optimization(self) -> bool:
        return False

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(None if data == "" and self.allow_null else data)

    def to_internal_value(self, data: Any) -> BrokerConnection:
        known = {account.name: account for account in BrokerConnection.objects.order_by("name")}
        by_id = {account.pk: account for account in known.values()}
        if isinstance(data, str) and data in known:
            return known[data]
        if isinstance(data, int) and not isinstance(data, bool) and data in by_id:
            return by_id[data]
        raise serializers.ValidationError(
            f"There is no such account. Use one of {', '.join(known) or '(none yet)'}."
        )

    def to_representation(self, value: Any) -> str:
        return str(value.name)


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class SymbolListField(serializers.Field[list[str], Any, list[str], Any]):
    """Symbols as a list, or as text with commas or lines."""

    MAX_ENTRIES = 2000

    def to_internal_value(self, data: Any) -> list[str]:
        try:
            entries = symbol_entries(data)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from None
        if len(entries) > self.MAX_ENTRIES:
            raise serializers.ValidationError(f"At most {self.MAX_ENTRIES} symbols, please.")
        return entries

    def to_representation(self, value: list[str]) -> list[str]:
        return list(value)


class ModelSerializer(serializers.ModelSerializer[Any]):
    """A model's serializer with exact money, which refuses keys that it does not know."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        ScaledDecimalField: MoneyField,
    }

    def to_internal_value(self, data: Any) -> Any:
        refuse_unknown(self, data)
        return super().to_internal_value(data)


class InputSerializer(serializers.Serializer[Any]):
    """The body of a call, which refuses keys that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        refuse_unknown(self, data)
        return super().to_internal_value(data)


def refuse_unknown(serializer: serializers.BaseSerializer[Any], data: Any) -> None:
    """A misspelt key must not be dropped in silence: it may be the quantity."""
    fields = serializer.fields  # type: ignore[attr-defined]
    unknown = [key for key in data if key not in fields] if isinstance(data, dict) else []
    if unknown:
        allowed = ", ".join(name for name, field in fields.items() if not field.read_only)
        text = f"There is no such field. Fields here: {allowed}."
        raise serializers.ValidationError({key[:80]: [text] for key in unknown})
