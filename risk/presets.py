"""Sets of limits to start from, in rupees by the capital that is traded with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.core.exceptions import ValidationError

from risk import settings_service
from risk.models import RiskSettings
from risk.settings_values import GLOBAL_ONLY, Difference, grouped
from trading.domain.values import ClampMode, RiskScope

LEAST_CAPITAL = Decimal(10_000)
MOST_CAPITAL = Decimal(10) ** 12
USUAL_CAPITAL = Decimal(500_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A set of limits: `shares` are % of the capital, `fixed` are values. Others stay.

    `priced` are for plans with market data alone: without a last price they would stop orders.
    """

    name: str
    title: str
    who: str
    shares: Mapping[str, Decimal]
    fixed: Mapping[str, Any]
    priced: Mapping[str, Any]

    def values(self, scope: str, capital: Decimal, *, market_data: bool = False) -> dict[str, Any]:
        """The settings for a scope, amounts in whole rupees. Raises ValidationError.

        For a strategy `capital` is its own: its budget is all of it.
        """
        _check_capital(capital)
        shares, fixed = dict(self.shares), dict(self.fixed)
        if market_data:
            fixed |= self.priced
        if scope == RiskScope.STRATEGY:
            shares["strategy_budget"] = Decimal(100)
            fixed = {name: value for name, value in fixed.items() if name not in GLOBAL_ONLY}
        amounts = {name: _share(capital, percent) for name, percent in shares.items()}
        return amounts | fixed


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="careful",
            title="Careful",
            who="For the first weeks with real money, and for money that must not be lost: small "
            "orders, few a day, no short selling, and a stop after a loss of 1 % in a day.",
            shares={
                "max_order_value": Decimal(5),
                "max_daily_loss": Decimal(1),
                "max_position_value": Decimal(10),
                "max_gross_exposure": Decimal(50),
                "approval_threshold": Decimal(4),
            },
            fixed={
                "clamp_mode": ClampMode.REJECT.value,
                "allow_short_selling": False,
                "naked_option_sell": False,
                "max_open_positions": 3,
                "max_working_orders": 10,
                "max_orders_per_day": 20,
                "max_trades_per_day": 10,
                "consecutive_losses": 3,
                "pyramiding": 1,
                "cool_down": 300,
                "stale_alert": Decimal("0.3"),
                "insufficient_margin": Decimal(20),
                "duplicate_order": 60,
                "repeated_execution": 3,
                "repeated_execution_minutes": 5,
                "self_match": True,
                "mis_cutoff": 30,
                "circuit_breaker": 2,
                "circuit_breaker_unknown": 1,
                "circuit_breaker_reducing": True,
                "clock_skew": Decimal(2),
                "clock_skew_warn": Decimal("0.5"),
            },
            priced={
                "price_collar": Decimal(2),
                "price_collar_options": Decimal(10),
                "stale_reference": 10,
            },
        ),
        Preset(
            name="normal",
            title="Normal",
            who="For a strategy that has run for some months and trades intraday with 2 % of the "
            "capital at risk in a day; option writing is off.",
            shares={
                "max_order_value": Decimal(10),
                "max_daily_loss": Decimal(2),
                "max_position_value": Decimal(20),
                "max_gross_exposure": Decimal(200),
            },
            fixed={
                "clamp_mode": ClampMode.CLAMP.value,
                "allow_short_selling": True,
                "naked_option_sell": False,
                "max_open_positions": 6,
                "max_working_orders": 20,
                "max_orders_per_day": 60,
                "max_trades_per_day": 30,
                "consecutive_losses": 5,
                "approval_threshold": None,
                "pyramiding": None,
                "cool_down": None,
                "stale_alert": Decimal("0.5"),
                "insufficient_margin": Decimal(10),
                "duplicate_order": 30,
                "repeated_execution": 5,
                "repeated_execution_minutes": 5,
                "self_match": True,
                "mis_cutoff": 15,
                "circuit_breaker": 3,
                "circuit_breaker_unknown": 3,
                "circuit_breaker_reducing": False,
                "clock_skew": Decimal(2),
                "clock_skew_warn": Decimal("0.5"),
            },
            priced={
                "price_collar": Decimal(3),
                "price_collar_options": Decimal(20),
                "stale_reference": None,
            },
        ),
        Preset(
            name="bold",
            title="Bold",
            who="For somebody who watches the screen, knows the leverage of futures and written "
            "options, and can bear to lose 4 % of the capital in a day.",
            shares={
                "max_order_value": Decimal(25),
                "max_daily_loss": Decimal(4),
                "max_position_value": Decimal(50),
                "max_gross_exposure": Decimal(400),
            },
            fixed={
                "clamp_mode": ClampMode.CLAMP.value,
                "allow_short_selling": True,
                "naked_option_sell": True,
                "max_open_positions": 15,
                "max_working_orders": 40,
                "max_orders_per_day": 200,
                "max_trades_per_day": 100,
                "consecutive_losses": 8,
                "approval_threshold": None,
                "pyramiding": None,
                "cool_down": None,
                "stale_alert": Decimal(1),
                "insufficient_margin": Decimal(5),
                "duplicate_order": 10,
                "repeated_execution": 10,
                "repeated_execution_minutes": 5,
                "self_match": True,
                "mis_cutoff": 10,
                "circuit_breaker": 5,
                "circuit_breaker_unknown": 3,
                "circuit_breaker_reducing": False,
                "clock_skew": Decimal(2),
                "clock_skew_warn": Decimal(1),
            },
            priced={
                "price_collar": Decimal(5),
                "price_collar_options": Decimal(30),
                "stale_reference": None,
            },
        ),
    )
}


def preset_named(name: str) -> Preset:
    """Raises ValidationError naming the presets that there are."""
    if name not in PRESETS:
        raise ValidationError({"name": f"Use one of {', '.join(PRESETS)}."})
    return PRESETS[name]


def preset_differences(
    name: str,
    capital: Decimal,
    scope: str,
    strategy_id: int | None = None,
    *,
    market_data: bool = False,
) -> list[Difference]:
    """What a preset would change for a scope; nothing is stored. Raises ValidationError."""
    row = settings_service.row_of(scope, strategy_id)
    changes = preset_named(name).values(scope, capital, market_data=market_data)
    return settings_service.differences(row, changes)


def apply_preset(
    name: str,
    capital: Decimal,
    scope: str,
    strategy_id: int | None = None,
    *,
    market_data: bool = False,
    actor: str,
    reason: str = "",
    until: datetime | None = None,
) -> RiskSettings:
    """Store a preset's settings for a scope. Raises as `settings_service.change_settings`."""
    preset = preset_named(name)
    usual = f"The preset {preset.title}, for a capital of ₹{grouped(capital)}."
    return settings_service.change_settings(
        settings_service.row_of(scope, strategy_id),
        preset.values(scope, capital, market_data=market_data),
        actor=actor,
        reason=reason.strip() or usual,
        until=until,
    )


def _share(capital: Decimal, percent: Decimal) -> Decimal:
    return (capital * percent / 100).quantize(Decimal(1), rounding=ROUND_DOWN)


def _check_capital(capital: Decimal) -> None:
    if not (capital.is_finite() and LEAST_CAPITAL <= capital <= MOST_CAPITAL):
        text = f"Give the capital in rupees, from {LEAST_CAPITAL} to {MOST_CAPITAL}."
        raise ValidationError({"capital": text})
