"""An example for each setting, beside what its help says it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from risk.models import RiskSettings

EXAMPLES: Mapping[str, str] = {
    "max_order_value": "1,00,000: 70 shares at ₹1,500 are too many",
    "max_quantity_per_order": "75: one lot of a future whose lot is 75",
    "max_daily_loss": "5,000: from ₹5,000 on only exits pass, from ₹7,500 on nothing does",
    "max_open_positions": "5: a sixth instrument is denied, an exit never is",
    "clamp_mode": "with at most 100 units, CLAMP makes 100 of an order of 150",
    "symbol_whitelist": "NSE:INFY, NSE:TCS, NIFTY26DECFUT",
    "symbol_blacklist": "NSE:YESBANK, BSE:YESBANK",
    "approval_threshold": "2,00,000: small orders go by themselves, large ones ask you",
    "price_collar": "3: at a last price of ₹1,500, limits from ₹1,455 to ₹1,545 pass",
    "price_collar_options": "20: at a last price of ₹100, limits from ₹80 to ₹120 pass",
    "stale_reference": "10: a price of 12 seconds ago is too old",
    "stale_alert": "0.5: an alert at ₹1,500 waits for you when the price is ₹1,508",
    "max_position_quantity": "150: two lots of 75",
    "max_position_value": "3,00,000",
    "max_gross_exposure": "10,00,000: ₹6 lakh long and ₹5 lakh short is too much",
    "max_net_exposure": "2,00,000: ₹6 lakh long and ₹5 lakh short is ₹1 lakh, and passes",
    "max_working_orders": "20",
    "max_working_value": "5,00,000",
    "insufficient_margin": "10: of ₹1,00,000 free, an order may take ₹90,000",
    "max_orders_per_day": "50",
    "max_trades_per_day": "10",
    "consecutive_losses": "3: after three losing trades the strategy opens nothing more",
    "duplicate_order": "30",
    "repeated_execution": "10",
    "repeated_execution_minutes": "5",
    "strategy_budget": "2,00,000",
    "pyramiding": "3: the first entry and two that add to it",
    "cool_down": "300: five minutes",
    "no_trade_windows": "Mon-Fri 09:15-09:30, the opening",
    "mis_cutoff": "15: from 15:10 on, when the broker squares off at 15:25",
    "circuit_breaker": "3",
    "circuit_breaker_unknown": "3",
    "clock_skew": "2",
    "clock_skew_warn": "0.5",
}


def help_of(name: str) -> str:
    """What the setting does, with its example."""
    return with_example(name, RiskSettings._meta.get_field(name).help_text)  # type: ignore[union-attr]


def with_example(name: str, text: Any) -> str:
    """`text` with the example of the setting `name`, where there is one."""
    example = EXAMPLES.get(name)
    return f"{text} Example: {example}." if example else str(text)


def add_examples(fields: Mapping[str, forms.Field]) -> None:
    """Give the form's fields their examples."""
    for name, field in fields.items():
        field.help_text = with_example(name, field.help_text)
