from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from sigmatrader.fields import ScaledDecimalField
from tests.factories import StrategyFactory
from trading.models import Strategy

field = ScaledDecimalField()


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=4))
def test_a_value_comes_back_exactly(value: Decimal) -> None:
    stored = field.get_prep_value(value)
    assert isinstance(stored, int)
    assert field.from_db_value(stored, None, None) == value


@pytest.mark.parametrize("value", ["abc", "NaN", "Infinity"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        field.to_python(value)


def test_too_many_decimals_are_refused_by_validation() -> None:
    with pytest.raises(ValidationError, match="decimals"):
        field.clean(Decimal("1.00005"), None)


@pytest.mark.parametrize("value", ["1e30", "-1e30", "1e999"])
def test_a_number_beyond_the_column_is_said_by_validation(value: str) -> None:
    with pytest.raises(ValidationError, match="too large"):
        field.clean(value, None)


def test_a_number_beyond_the_column_is_refused() -> None:
    with pytest.raises(ValidationError):
        field.get_prep_value(Decimal(10) ** 16)


@pytest.mark.django_db
@pytest.mark.db_backends
def test_sums_in_the_database_are_exact() -> None:
    for _ in range(10):
        StrategyFactory(sizing_mode="FIXED", sizing_value=Decimal("0.1"))
    assert Strategy.objects.aggregate(total=Sum("sizing_value"))["total"] == Decimal(1)
    assert Strategy.objects.filter(sizing_value=Decimal("0.1")).count() == 10
    assert Strategy.objects.filter(sizing_value__gt=Decimal("0.0999")).count() == 10
