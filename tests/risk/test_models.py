from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from risk.models import RiskSettings, TradingState, TradingStateChange
from sigmatrader import clock
from trading.domain.values import RiskScope, StateScope, TradingStateName
from trading.models import Strategy

pytestmark = pytest.mark.django_db


@pytest.fixture
def strategy():
    return Strategy.objects.create(name="supertrend")


def refused(**fields):
    """What the database says to a row that skipped every validation."""
    with pytest.raises(IntegrityError), transaction.atomic():
        RiskSettings.objects.bulk_create([RiskSettings(**fields)])
    return True


def errors_of(**fields):
    with pytest.raises(ValidationError) as error:
        RiskSettings(**fields).full_clean()
    return error.value.message_dict


def test_fresh_settings_limit_nothing():
    row = RiskSettings.objects.create(scope=RiskScope.GLOBAL)
    row.refresh_from_db()
    assert row.max_order_value is row.max_quantity_per_order is row.max_daily_loss is None
    assert row.max_open_positions is None
    assert row.allow_short_selling is True
    assert row.clamp_mode == "CLAMP"
    assert row.symbol_whitelist == row.symbol_blacklist == []


def test_money_is_kept_exactly():
    RiskSettings.objects.create(
        scope=RiskScope.GLOBAL,
        max_order_value=Decimal("123456789012.3456"),
        max_daily_loss=Decimal("0.1"),
    )
    row = RiskSettings.objects.get(max_order_value__gt=Decimal("123456789012.3455"))
    assert row.max_order_value == Decimal("123456789012.3456")
    assert row.max_daily_loss == Decimal("0.1")


def test_the_database_holds_one_global_row():
    RiskSettings.objects.create(scope=RiskScope.GLOBAL)
    assert refused(scope=RiskScope.GLOBAL)


def test_the_database_holds_one_row_for_each_strategy(strategy):
    RiskSettings.objects.create(scope=RiskScope.STRATEGY, strategy=strategy)
    assert refused(scope=RiskScope.STRATEGY, strategy=strategy)
    other = Strategy.objects.create(name="breakout")
    RiskSettings.objects.create(scope=RiskScope.STRATEGY, strategy=other)
    assert RiskSettings.objects.count() == 2


def test_the_database_keeps_scope_and_strategy_together(strategy):
    assert refused(scope=RiskScope.GLOBAL, strategy=strategy)
    assert refused(scope=RiskScope.STRATEGY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "ACCOUNT"},
        {"clamp_mode": "WARN"},
        {"max_order_value": Decimal(0)},
        {"max_order_value": Decimal("-0.0001")},
        {"max_quantity_per_order": 0},
        {"max_daily_loss": Decimal(-1)},
        {"max_open_positions": 0},
    ],
)
def test_the_database_refuses_wrong_words_and_limits(wrong):
    assert refused(**{"scope": RiskScope.GLOBAL, **wrong})


def test_settings_go_with_their_strategy(strategy):
    RiskSettings.objects.create(scope=RiskScope.STRATEGY, strategy=strategy)
    strategy.delete()
    assert not RiskSettings.objects.exists()


def test_every_change_raises_the_version():
    row = RiskSettings.objects.create(scope=RiskScope.GLOBAL)
    assert row.version == 1
    row.max_open_positions = 3
    row.save()
    row.max_open_positions = 4
    row.save(update_fields=["max_open_positions"])
    row.refresh_from_db()
    assert (row.version, row.max_open_positions) == (3, 4)


def test_cleaning_tidies_the_symbol_lists():
    row = RiskSettings(
        scope=RiskScope.GLOBAL,
        symbol_whitelist=[" nse:infy", "NSE:INFY", ""],
        symbol_blacklist="tcs, bse:sbin\nitc",
    )
    row.full_clean()
    assert row.symbol_whitelist == ["NSE:INFY"]
    assert row.symbol_blacklist == ["TCS", "BSE:SBIN", "ITC"]


def test_a_missing_list_is_an_empty_one():
    row = RiskSettings(scope=RiskScope.GLOBAL, symbol_whitelist=None)
    row.full_clean()
    assert row.symbol_whitelist == []


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("max_order_value", Decimal(0), "Must be more than 0; leave it empty for no limit."),
        ("max_order_value", "a lot", "“a lot” is not a number."),
        ("max_order_value", Decimal("NaN"), "Enter a finite number."),
        ("max_quantity_per_order", 0, "Must be more than 0; leave it empty for no limit."),
        ("max_quantity_per_order", "1.5", "“1.5” value must be an integer."),
        ("max_daily_loss", Decimal(-1), "Must be more than 0; leave it empty for no limit."),
        ("max_open_positions", 0, "Must be more than 0; leave it empty for no limit."),
        ("clamp_mode", "WARN", "Value 'WARN' is not a valid choice."),
        ("symbol_whitelist", "INFY TCS", "“INFY TCS” is not a symbol"),
        ("symbol_blacklist", ["NES:INFY"], "names no known exchange"),
        ("symbol_blacklist", {"NSE": "INFY"}, "Give a list of symbols"),
        ("strategy_id", 1, "GLOBAL settings have no strategy: leave it empty."),
    ],
)
def test_wrong_settings_name_the_field_and_the_fix(field, value, told):
    errors = errors_of(**{"scope": RiskScope.GLOBAL, field: value})
    assert any(told in message for message in errors[field.removesuffix("_id")])


def test_a_symbol_on_both_lists_is_refused():
    errors = errors_of(
        scope=RiskScope.GLOBAL, symbol_whitelist=["INFY"], symbol_blacklist=["infy", "TCS"]
    )
    assert errors["symbol_blacklist"] == [
        "INFY is on the whitelist too; take it off one of the lists."
    ]


def test_strategy_settings_need_a_strategy():
    assert errors_of(scope=RiskScope.STRATEGY)["strategy"] == [
        "Choose the strategy that these settings are for."
    ]


def test_a_second_global_row_is_refused_with_words(strategy):
    first = RiskSettings.objects.create(scope=RiskScope.GLOBAL)
    first.full_clean()
    assert errors_of(scope=RiskScope.GLOBAL)["scope"] == [
        "GLOBAL settings exist already: change those instead."
    ]
    RiskSettings.objects.create(scope=RiskScope.STRATEGY, strategy=strategy)
    assert errors_of(scope=RiskScope.STRATEGY, strategy=strategy)["strategy"]


def test_the_label_names_the_scope(strategy):
    assert str(RiskSettings(scope=RiskScope.GLOBAL)) == "GLOBAL"
    mine = RiskSettings(scope=RiskScope.STRATEGY, strategy=strategy)
    assert str(mine) == "STRATEGY(supertrend)"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "SYMBOL"},
        {"state": "PAUSED"},
        {"scope": StateScope.ACCOUNT},
        {"scope": StateScope.STRATEGY},
    ],
)
def test_the_database_refuses_wrong_trading_states(wrong):
    fields = {"scope": StateScope.EVERYTHING, "changed_at": clock.now(), **wrong}
    with pytest.raises(IntegrityError), transaction.atomic():
        TradingState.objects.create(**fields)


def test_the_database_holds_one_state_for_each_scope(strategy):
    scopes = [
        {"scope": StateScope.EVERYTHING},
        {"scope": StateScope.STRATEGY, "strategy": strategy},
    ]
    for scope in scopes:
        TradingState.objects.create(**scope, changed_at=clock.now())
        with pytest.raises(IntegrityError), transaction.atomic():
            TradingState.objects.create(**scope, changed_at=clock.now())


@pytest.fixture
def change(strategy):
    return TradingStateChange.objects.create(
        scope=StateScope.STRATEGY,
        strategy=strategy,
        label="strategy supertrend",
        old=TradingStateName.ACTIVE,
        new=TradingStateName.HALTED,
        actor="admin",
        at=clock.now(),
    )


def test_the_history_is_append_only(change):
    change.reason = "rewritten"
    for attempt in (
        change.save,
        change.delete,
        lambda: TradingStateChange.objects.update(reason="rewritten"),
        lambda: TradingStateChange.objects.all().delete(),
    ):
        with pytest.raises(TypeError, match="append-only"):
            attempt()
    change.refresh_from_db()
    assert change.reason == ""


def test_the_history_outlives_its_strategy(change, strategy):
    strategy.delete()
    change.refresh_from_db()
    assert change.strategy is None
    assert str(change) == "strategy supertrend: ACTIVE → HALTED"
