"""Exact decimals: scaled integers in the database, Decimal in Python."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core import checks, exceptions
from django.db import models

DEFAULT_SCALE = 4
_BIGINT_MAX = 2**63 - 1


class ScaledDecimalField(models.Field):
    """A Decimal stored as BIGINT × 10^scale.

    SQLite keeps DecimalField values as binary floats and sums drift; integers don't. Values with
    more decimals than `scale` are refused by validation and rounded half-even when saved directly.
    """

    description = "Exact decimal, stored as a scaled integer"
    empty_strings_allowed = False

    def __init__(self, *args: Any, scale: int = DEFAULT_SCALE, **kwargs: Any) -> None:
        self.scale = scale
        self._factor = Decimal(10) ** scale
        self._quantum = Decimal(1).scaleb(-scale)
        super().__init__(*args, **kwargs)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)
        if not 0 <= self.scale <= 8:
            errors.append(checks.Error("scale must be 0 to 8", obj=self, id="fields.E901"))
        return errors

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        if self.scale != DEFAULT_SCALE:
            kwargs["scale"] = self.scale
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-self.scale)

    def to_python(self, value: Any) -> Decimal | None:
        if value is None or value == "":
            return None
        if isinstance(value, Decimal):
            number = value
        elif isinstance(value, float):
            number = Decimal(repr(value))
        else:
            try:
                number = Decimal(str(value).strip())
            except InvalidOperation:
                raise exceptions.ValidationError(
                    f"“{value}” is not a number.", code="invalid"
                ) from None
        if not number.is_finite():
            raise exceptions.ValidationError("Enter a finite number.", code="invalid")
        return number

    def get_prep_value(self, value: Any) -> int | None:
        value = super().get_prep_value(value)
        number = self.to_python(value)
        if number is None:
            return None
        scaled = int((number * self._factor).to_integral_value(rounding=ROUND_HALF_EVEN))
        if abs(scaled) > _BIGINT_MAX:
            raise exceptions.ValidationError("The number is too large.", code="max_value")
        return scaled

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return value if prepared else self.get_prep_value(value)

    def validate(self, value: Any, model_instance: Any) -> None:
        super().validate(value, model_instance)
        if value is None:
            return
        if abs(value) * self._factor > _BIGINT_MAX:
            raise exceptions.ValidationError("The number is too large.", code="max_value")
        if value != value.quantize(self._quantum):
            raise exceptions.ValidationError(
                f"At most {self.scale} decimals, please.", code="max_decimals"
            )

    def value_to_string(self, obj: Any) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else str(value)

    def formfield(self, **kwargs: Any) -> Any:
        defaults: dict[str, Any] = {
            "form_class": forms.DecimalField,
            "decimal_places": self.scale,
            "max_digits": 18,
        }
        return super().formfield(**{**defaults, **kwargs})
