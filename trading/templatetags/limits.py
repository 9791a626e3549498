"""Limits and the checks against them: names and amounts for people, and bars of use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from risk.engine.denials import Code, Verdict
from risk.engine.gates import GATES
from risk.engine.rules import RULES
from risk.engine.use import LimitUse, percent_of
from risk.settings_values import UNITS, grouped
from trading.templatetags.money import rupees

register = template.Library()

Check = Mapping[str, Any]  # as `Decision.as_json` keeps it

# By setting, or by code for the rules and gates that have none.
_NAMES: dict[str, str] = {
    Code.QUANTITY_REQUIRED: "Quantity given",
    Code.STRATEGY_DISABLED: "Strategy switched on",
    Code.MODE_MISMATCH: "Execution target",
    Code.REDUCE_ONLY: "Exit only",
    Code.REDUCING_ONLY: "Trading state",
    "off_hours": "Market hours",
    "no_new_entries_at": "Hour of entries",
    "orders_per_day": "Account's orders a day",
    Code.UNKNOWN_INSTRUMENT: "Instrument listed",
    Code.EXPIRED_INSTRUMENT: "Expiry ahead",
    Code.INDEX_NOT_TRADABLE: "No index itself",
    Code.LOT_SIZE: "Whole lots",
    Code.TICK_SIZE: "Prices on the tick",
    Code.FREEZE_QUANTITY: "Exchange's largest order",
    Code.ORDER_TYPE_POLICY: "Order type taken",
    "clamp_mode": "Over a limit",
    "allow_short_selling": "Short selling",
    "naked_option_sell": "Option writing",
    "max_quantity_per_order": "Quantity of one order",
    "max_order_value": "Value of one order",
    "symbol_whitelist": "Allowed symbols",
    "symbol_blacklist": "Blocked symbols",
    "price_collar": "Price near the market",
    "price_collar_options": "Option price near the market",
    "max_open_positions": "Open positions",
    "max_position_quantity": "Units of a position",
    "max_position_value": "Value of a position",
    "max_gross_exposure": "Gross exposure",
    "max_net_exposure": "Net exposure",
    "max_working_orders": "Working orders",
    "max_working_value": "Value of working orders",
    "insufficient_margin": "Free margin",
    "strategy_budget": "Strategy's budget",
    "max_daily_loss": "Daily loss",
    "max_orders_per_day": "Orders a day",
    "max_trades_per_day": "Trades a day",
    "consecutive_losses": "Losses in a row",
    "duplicate_order": "Duplicate within",
    "self_match": "Own order opposite",
    "pyramiding": "Entries in a position",
    "cool_down": "Pause after a trade",
    "mis_cutoff": "Intraday cut-off",
    Code.TRADING_HALTED: "Not halted",
    Code.BROKER_SESSION: "Broker session",
    Code.UNRESOLVED_UNKNOWN: "No unknown outcome",
    Code.RECONCILIATION_GATE: "Agreement with the broker",
    Code.CALENDAR_ENDS: "Day in the calendar",
    "circuit_breaker": "Refusals in a row",
    "circuit_breaker_unknown": "Unknown outcomes at once",
    "circuit_breaker_reducing": "An open breaker",
    "repeated_execution": "AUTO orders in quick succession",
    "repeated_execution_minutes": "Quick succession is",
    "clock_skew": "Clock off the broker's",
    "clock_skew_warn": "Clock warning from",
    "stale_reference": "Age of the last price",
    "stale_alert": "Drift since the alert",
    "approval_threshold": "Approval above",
    "no_trade_windows": "Hours without entries",
}
_OF_CODES: dict[str, str] = {
    Code.CIRCUIT_BREAKER: "Circuit breaker",
    Code.SYMBOL_NOT_ALLOWED: "Symbols",
    Code.PRICE_COLLAR: "Price near the market",
    Code.MAX_WORKING_ORDERS: "Working orders",
}
_SETTINGS_OF: dict[str, str] = {
    **{rule.code: rule.setting for rule in RULES},
    **{gate.code: gate.settings[0] for gate in GATES if gate.settings},
}

_NO_UNITS = frozenset({"", "yes or no", "symbols", "time", "hours (IST)"})
_UNITS = {
    **{rule.setting: rule.unit for rule in RULES},
    **{name: gate.unit for gate in GATES for name in gate.settings},
    **UNITS,
    # What such a rule measures, beside its yes or no.
    "allow_short_selling": "units",
    "naked_option_sell": "units",
    "insufficient_margin": "% kept free",
    "consecutive_losses": "losses",
    "circuit_breaker": "refusals",
    "circuit_breaker_unknown": "orders",
    "repeated_execution": "orders",
    Code.QUANTITY_REQUIRED: "units",
    Code.REDUCE_ONLY: "units",
    Code.LOT_SIZE: "units",
    Code.FREEZE_QUANTITY: "units",
}
_SINGULAR = {
    "entries": "entry",
    "losses": "loss",
    "orders": "order",
    "positions": "position",
    "refusals": "refusal",
    "trades": "trade",
    "units": "unit",
}


# -- names ---------------------------------------------------------------------------------------


@register.filter
def setting_name(setting: str) -> str:
    """A limit as a person calls it: "Daily loss"."""
    return _NAMES.get(setting) or _as_words(setting)


@register.filter
def code_name(code: str) -> str:
    """A rule or gate as a person calls it."""
    known = _OF_CODES.get(code) or _NAMES.get(code)
    return known or _NAMES.get(_SETTINGS_OF.get(code, ""), "") or _as_words(code)


@register.filter
def rule_name(check: Check) -> str:
    """The rule of a risk check: by its setting where a code has several."""
    return _NAMES.get(check.get("setting", "")) or code_name(check.get("code", ""))


@register.filter
def check_text(code: str) -> str:
    """What a risk rule's code means, in a sentence."""
    return Code[code].text if code in Code.__members__ else ""


def _as_words(code: str) -> str:
    return str(code).replace("_", " ").capitalize()


# -- amounts -------------------------------------------------------------------------------------


def amount_text(value: object, setting: str, code: str = "") -> str:
    """A limit, or what is measured against it, with its unit: "₹5,00,000", "30 s", "off"."""
    if isinstance(value, bool):
        return "on" if value else "off"
    number = _number(value)
    if number is None:
        return str(value)
    unit = _UNITS.get(code if setting == "hard" else setting, "")
    if unit == "₹":
        return rupees(number).removesuffix(".00")
    text = grouped(number)
    if unit in _NO_UNITS:
        return text
    return f"{text} {_SINGULAR.get(unit, unit) if number == 1 else unit}"


def _number(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@register.filter
def check_limit(check: Check) -> str:
    """The limit that a check was made against."""
    return amount_text(check.get("limit"), check.get("setting", ""), check.get("code", ""))


@register.filter
def check_value(check: Check) -> str:
    """What a check found."""
    return amount_text(check.get("value"), check.get("setting", ""), check.get("code", ""))


@register.filter
def use_limit(use: LimitUse) -> str:
    """The limit itself."""
    return amount_text(use.limit, use.setting)


@register.filter
def use_used(use: LimitUse) -> str:
    """What is used of it."""
    return "not known" if use.used is None else amount_text(use.used, use.setting)


# -- bars ----------------------------------------------------------------------------------------


@register.simple_tag
def use_bar(check: Check) -> SafeString | str:
    """How much of a check's limit is used: a bar and its percentage, where there is a share."""
    return _bar(percent_of_check(check), rule_name(check))


@register.simple_tag
def bar_of(use: LimitUse) -> SafeString | str:
    """How much of a limit is used, likewise."""
    return _bar(use.percent, setting_name(use.setting))


def _bar(percent: int | None, name: str) -> SafeString | str:
    if percent is None:
        return ""
    return format_html(
        '<meter class="use" aria-label="{}" min="0" max="100" low="80" high="99.99" optimum="0" '
        'value="{}"></meter> <span class="num">{} %</span>',
        name,
        min(percent, 100),
        percent,
    )


def percent_of_check(check: Check) -> int | None:
    """How much of the check's limit is used; None for what is no limit to be used up."""
    value, limit = check.get("value"), check.get("limit")
    if check.get("setting") == "hard" or isinstance(value, bool) or isinstance(limit, bool):
        return None
    used, most = _number(value), _number(limit)
    return None if used is None or most is None else percent_of(used, most)


# -- the checks of a decision --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SortedChecks:
    """What stops or cuts the order, what it uses of limits (the fullest first), and the rest."""

    stopping: list[Check]
    using: list[Check]
    others: list[Check]

    @property
    def first(self) -> list[Check]:
        """What is shown at once."""
        return self.stopping + self.using


@register.simple_tag
def sorted_checks(checks: Iterable[Check]) -> SortedChecks:
    """The checks of one decision in the order in which a person wants to read them."""
    found = list(checks)
    passed = [one for one in found if one.get("verdict") == Verdict.PASS]
    measured = [(percent_of_check(one), one) for one in passed]
    using = [(share, one) for share, one in measured if share is not None]
    using.sort(key=lambda pair: pair[0], reverse=True)
    return SortedChecks(
        stopping=sorted(
            (one for one in found if one.get("verdict") != Verdict.PASS),
            key=lambda one: one.get("verdict") != Verdict.DENY,
        ),
        using=[one for _, one in using],
        others=[one for share, one in measured if share is None],
    )
