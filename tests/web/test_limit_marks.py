"""Names, amounts and bars of limits, and the order in which checks are read."""

from decimal import Decimal

import pytest

from risk.engine.denials import Code
from risk.engine.gates import GATES
from risk.engine.rules import RULES
from risk.engine.use import LimitUse
from risk.settings_values import SETTINGS
from trading.templatetags import limits


def check(setting="max_order_value", value="100", limit="1000", verdict="PASS", code="X"):
    return {
        "setting": setting,
        "value": value,
        "limit": limit,
        "verdict": verdict,
        "code": code,
    }


@pytest.mark.parametrize(
    ("setting", "value", "text"),
    [
        ("max_quantity_per_order", 100, "100 units"),
        ("max_quantity_per_order", 1, "1 unit"),
        ("consecutive_losses", 1, "1 loss"),
        ("max_order_value", "500000", "₹5,00,000"),
        ("max_order_value", "1250.5", "₹1,250.50"),
        ("max_order_value", Decimal("-1250.5"), "−₹1,250.50"),
        ("price_collar", "0.5", "0.5 %"),
        ("duplicate_order", 30, "30 s"),
        ("duplicate_order", 1, "1 s"),
        ("mis_cutoff", 15, "15 min"),
        ("allow_short_selling", True, "on"),
        ("allow_short_selling", False, "off"),
        ("max_order_value", "no price", "no price"),
        ("symbol_whitelist", "NSE:INFY", "NSE:INFY"),
        ("no_longer", 12, "12"),
        ("max_order_value", "NaN", "NaN"),
    ],
)
def test_amounts_are_told_with_their_unit(setting, value, text):
    assert limits.amount_text(value, setting) == text


def test_an_amount_of_a_hard_rule_has_the_unit_of_its_code():
    assert (
        limits.check_value(check("hard", 10, "at least 1", code="QUANTITY_REQUIRED")) == "10 units"
    )
    assert limits.check_value(check("hard", "1500.05", "multiples of 0.1", code="TICK_SIZE")) == (
        "1,500.05"
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.setting}")
def test_every_rule_has_a_plain_name_of_its_own(rule):
    names = [limits.rule_name({"setting": one.setting, "code": one.code}) for one in RULES]
    name = limits.rule_name({"setting": rule.setting, "code": rule.code})
    assert names.count(name) == 1
    assert name != limits.rule_name({"code": f"{rule.code}_"})


def words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def test_every_setting_has_a_name_of_its_own_that_is_more_than_its_word():
    names = [limits.setting_name(one) for one in SETTINGS]
    assert len(set(names)) == len(names)
    known = {"max_gross_exposure": "Gross exposure", "max_daily_loss": "Daily loss"}
    assert {one: limits.setting_name(one) for one in known} == known
    for one in SETTINGS:
        assert one in limits._NAMES


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_name_and_a_meaning(code):
    of_rule = any(one.code == code and one.setting != "hard" for one in RULES)
    of_gate = any(one.code == code and one.settings for one in GATES)
    assert of_rule or of_gate or code in limits._NAMES
    assert "_" not in limits.code_name(code)
    assert limits.check_text(code) == code.text


def test_a_rule_of_another_version_is_named_by_its_code():
    assert limits.rule_name({"setting": "no_longer", "code": "OLD_RULE"}) == "Old rule"
    assert limits.check_text("NO_SUCH_CODE") == ""


@pytest.mark.parametrize(
    ("value", "limit", "percent"),
    [
        ("999.99", "1000", 99),
        ("1000", "1000", 100),
        ("1500", "1000", 150),
        (0, 5, 0),
        ("-5", "1000", None),
        ("no price", "1000", None),
        (True, 10, None),
        (3, False, None),
        ("Infinity", "1000", None),
        (0, 0, 100),
    ],
)
def test_a_full_bar_means_that_all_of_the_limit_is_used(value, limit, percent):
    assert limits.percent_of_check(check(value=value, limit=limit)) == percent


def test_a_hard_rule_has_no_bar_and_a_bar_says_whose_it_is():
    assert limits.use_bar(check("hard")) == ""
    bar = limits.use_bar(check())
    assert 'aria-label="Value of one order"' in bar
    assert 'value="10"></meter> <span class="num">10 %</span>' in bar
    assert 'value="100"></meter> <span class="num">150 %</span>' in limits.use_bar(
        check(value=1500)
    )


def test_a_use_that_is_not_known_is_said_and_has_no_bar():
    use = LimitUse(Code.MAX_DAILY_LOSS, "max_daily_loss", Decimal(5000), None, "₹")
    assert limits.use_used(use) == "not known"
    assert limits.use_limit(use) == "₹5,000"
    assert limits.bar_of(use) == ""


def test_what_stops_the_order_comes_first_then_the_fullest_limits_then_the_rest():
    denied, cut = check(verdict="DENY", code="D"), check(verdict="CLAMP", code="C")
    low, high = check(value=10, code="L"), check(value=900, code="H")
    plain = check("hard", "listed", "listed", code="P")
    found = limits.sorted_checks([low, plain, cut, high, denied])
    assert found.stopping == [denied, cut]
    assert found.using == [high, low]
    assert found.others == [plain]
    assert found.first == [denied, cut, high, low]
