"""Examples for the fields of a strategy, beside what their help says they do."""

from collections.abc import Mapping
from typing import Any

from django import forms

STRATEGY_EXAMPLES: Mapping[str, str] = {
    "name": "supertrend",
    "execution_mode": "MANUAL for the first week, AUTO once you would have sent the same",
    "execution_target": "PAPER until its figures on Analytics convince you",
    "connection": "family, when you have two accounts at Zerodha",
    "default_order_type": "MARKET for indices, LIMIT for shares with a wide spread",
    "default_product": "MIS for what is closed the same day",
    "sizing_mode": "RISK with 2,000 and a stop ₹10 away makes 200 units",
    "sizing_value": "25 with FIXED, 50,000 with VALUE, 2,000 with RISK",
    "market_protection": "2: at a last price of ₹100 a buy pays ₹102 at most",
    "continuous_futures": "in November, NIFTY1! is NIFTY26NOVFUT until it expires",
    "time_to_live_seconds": "60: what the market has run away from is not bought late",
    "off_hours": "AMO for alerts on daily bars, which fire after the close",
    "dedupe_window_seconds": "30",
}


class ExamplesMixin:
    """An admin whose form shows `examples` behind the help of its fields."""

    examples: Mapping[str, str] = {}

    def formfield_for_dbfield(self, db_field: Any, *args: Any, **kwargs: Any) -> forms.Field | None:
        field: forms.Field | None = super().formfield_for_dbfield(  # type: ignore[misc]
            db_field, *args, **kwargs
        )
        if field is not None and db_field.name in self.examples:
            field.help_text = f"{field.help_text} Example: {self.examples[db_field.name]}."
        return field
