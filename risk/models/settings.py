"""Limits as a person sets them."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from risk.engine.limits import clean_entries
from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import ClampMode, RiskScope

SYMBOL_LISTS = ("symbol_whitelist", "symbol_blacklist")
POSITIVE_LIMITS = (
    "max_order_value",
    "max_quantity_per_order",
    "max_daily_loss",
    "max_open_positions",
    "max_position_quantity",
    "max_position_value",
    "max_gross_exposure",
    "max_net_exposure",
    "max_working_orders",
    "max_working_value",
    "max_orders_per_day",
    "max_trades_per_day",
    "consecutive_losses",
    "strategy_budget",
    "pyramiding",
    "cool_down",
    "approval_threshold",
    "price_collar",
    "price_collar_options",
    "stale_reference",
    "stale_alert",
    "duplicate_order",
    "repeated_execution",
    "repeated_execution_minutes",
    "mis_cutoff",
    "circuit_breaker",
    "circuit_breaker_unknown",
    "clock_skew",
    "clock_skew_warn",
)
# Limits that are a number of units, orders, seconds or minutes; the others are exact decimals.
WHOLE_LIMITS = frozenset(
    {
        "max_quantity_per_order",
        "max_open_positions",
        "max_position_quantity",
        "max_working_orders",
        "max_orders_per_day",
        "max_trades_per_day",
        "consecutive_losses",
        "pyramiding",
        "cool_down",
        "stale_reference",
        "duplicate_order",
        "repeated_execution",
        "repeated_execution_minutes",
        "mis_cutoff",
        "circuit_breaker",
        "circuit_breaker_unknown",
    }
)


def more_than_zero(limit: int | Decimal) -> None:
    """Validate a limit: 0 could mean "none" or "no limit", so it is neither."""
    if limit <= 0:
        raise ValidationError("Must be more than 0; leave it empty for no limit.", code="min_value")


def not_negative(limit: int | Decimal) -> None:
    """Validate a share that may be nothing."""
    if limit < 0:
        raise ValidationError("Must be 0 or more; leave it empty for no check.", code="min_value")


def symbol_entries(value: Any) -> list[str]:
    """A list of symbols, or text with commas or lines, as tidy entries.

    Raises ValidationError, whose text names the wrong entry and the right form.
    """
    if isinstance(value, str):
        value = re.split(r"[,\n]", value)
    if not isinstance(value, list | tuple | None):
        raise ValidationError("Give a list of symbols, like NSE:INFY, TCS.", code="invalid")
    try:
        return clean_entries(value or ())
    except ValueError as error:
        raise ValidationError(str(error), code="invalid") from None


def no_trade_windows(value: Any) -> list[dict[str, Any]]:
    """Windows as `[{"start": "12:00", "end": "13:30", "days": [0, 4]}]`, tidy; 0 is Monday.

    Raises ValidationError, whose text names the wrong entry and the right form.
    """
    if value in (None, ""):
        return []
    if not isinstance(value, list):
        raise ValidationError(f"Give a list of windows, like {_WINDOW_EXAMPLE}.", code="invalid")
    return [_window(entry) for entry in value]


_WINDOW_EXAMPLE = '{"start": "12:00", "end": "13:30", "days": [0, 1, 2, 3, 4]}'


def _window(entry: Any) -> dict[str, Any]:
    try:
        start, end = time.fromisoformat(entry["start"]), time.fromisoformat(entry["end"])
        days = sorted({int(day) for day in entry.get("days") or ()})
    except (TypeError, KeyError, ValueError, AttributeError):
        wrong = f"{entry!r} is no window; write it like {_WINDOW_EXAMPLE}, 0 being Monday."
        raise ValidationError(wrong, code="invalid") from None
    if start == end or (days and not (days[0] >= 0 and days[-1] <= 6)):
        raise ValidationError(
            f"{entry!r}: start and end must differ, and days are 0 (Monday) to 6 (Sunday).",
            code="invalid",
        )
    return {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}", "days": days}


def _whole(help_text: str) -> models.PositiveIntegerField[Any, Any]:
    return models.PositiveIntegerField(
        null=True, blank=True, validators=[more_than_zero], help_text=help_text
    )


def _decimal(help_text: str) -> ScaledDecimalField:
    return ScaledDecimalField(
        null=True, blank=True, validators=[more_than_zero], help_text=help_text
    )


class RiskSettings(models.Model):
    """One row of limits: for everything (GLOBAL) or for one strategy. Both apply to its orders."""

    scope = models.CharField(
        max_length=16,
        choices=choices(RiskScope),
        default=RiskScope.STRATEGY,
        help_text="GLOBAL holds for every order, on each account by itself. STRATEGY holds for "
        "one strategy's orders as well: GLOBAL is applied first, and the tighter limit wins.",
    )
    strategy = models.ForeignKey(
        "trading.Strategy",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="risk_settings",
        help_text="Only with scope STRATEGY.",
    )
    max_order_value = ScaledDecimalField(
        null=True,
        blank=True,
        validators=[more_than_zero],
        help_text="₹ for one order: quantity × price × multiplier. The price is the order's own, "
        "else the last price, else the alert's; with none of them the order is denied. "
        "Empty: no limit.",
    )
    max_quantity_per_order = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[more_than_zero],
        help_text="Units (shares, not lots) in one order. Empty: no limit.",
    )
    max_daily_loss = ScaledDecimalField(
        null=True,
        blank=True,
        validators=[more_than_zero],
        help_text="₹ lost in a day (IST), realised and open, as a positive number. Then only exits "
        "pass and the state becomes REDUCING; at one and a half times, HALTED. Empty: no limit.",
    )
    allow_short_selling = models.BooleanField(
        default=True,
        help_text="Off: what is held can be sold, and no SELL may leave you net short. "
        "Such an order is denied, never clamped.",
    )
    max_open_positions = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[more_than_zero],
        help_text="Positions open at once, counted over the order's whole account; working entry "
        "orders count as filled. Exits always pass. Empty: no limit.",
    )
    clamp_mode = models.CharField(
        max_length=16,
        choices=choices(ClampMode),
        default=ClampMode.CLAMP,
        help_text="An order over its quantity or value limit: CLAMP cuts it to whole lots inside "
        "the limit, with a note; REJECT denies it.",
    )
    symbol_whitelist = models.JSONField(
        default=list,
        blank=True,
        help_text="Only these symbols may be traded: NSE:INFY, or INFY for any exchange; "
        "separated by commas or lines. Exits always pass. Empty: any symbol.",
    )
    symbol_blacklist = models.JSONField(
        default=list,
        blank=True,
        help_text="These symbols may not be traded, written in the same way. Exits always pass.",
    )
    naked_option_sell = models.BooleanField(
        default=True,
        help_text="Off: an option that is not held can't be sold (written).",
    )
    approval_threshold = _decimal(
        "₹: an AUTO order worth more waits in the queue for a person. Empty: none does."
    )
    price_collar = _decimal(
        "% that the price of an order for shares or futures may be off the last price, and it must "
        "be inside the day's circuit. 3 is usual. Empty: not checked."
    )
    price_collar_options = _decimal("The same for options, in %. 20 is usual.")
    stale_reference = _whole(
        "Seconds: where a rule needs the last price, an older one sends an AUTO order to the "
        "queue. 10 is usual. Needs a plan with market data. Empty: not checked."
    )
    stale_alert = _decimal(
        "% that the price may have moved since the alert; an AUTO order goes to the queue then."
    )
    max_position_quantity = _whole(
        "Units of one instrument, and of one underlying, long or short; working orders count."
    )
    max_position_value = _decimal(
        "₹ of one instrument, and of one underlying, long or short; working orders count."
    )
    max_gross_exposure = _decimal(
        "₹ of all positions of the account, long and short added up, in each segment."
    )
    max_net_exposure = _decimal("₹ of long less short over the account, in each segment.")
    max_working_orders = _whole("Orders of the account that work at once. 20 is usual.")
    max_working_value = _decimal("₹ of the account's working orders that are not filled yet.")
    insufficient_margin = ScaledDecimalField(
        null=True,
        blank=True,
        validators=[not_negative],
        help_text="% of the free margin that stays free. The broker is asked what the order takes. "
        "10 is usual. Empty: left to the broker to refuse.",
    )
    max_orders_per_day = _whole("Orders sent in a day (IST): of the account, or of the strategy.")
    max_trades_per_day = _whole("Orders that opened or enlarged a position in a day.")
    consecutive_losses = _whole("So many losing trades in a row, and no new one is opened.")
    duplicate_order = _whole(
        "Seconds in which a strategy's same order (instrument, side, quantity) is a duplicate."
    )
    repeated_execution = _whole(
        "So many AUTO orders of one strategy within the minutes below set it to MANUAL."
    )
    repeated_execution_minutes = _whole("Minutes for the above. 5 is usual.")
    self_match = models.BooleanField(
        default=False,
        help_text="On: an order that could trade with an own working order is denied.",
    )
    strategy_budget = _decimal("₹ that a strategy may have in use, open and working.")
    pyramiding = _whole("Entries in one position of a strategy. 1: never add to it.")
    cool_down = _whole("Seconds after a strategy's trade has ended before the next entry there.")
    no_trade_windows = models.JSONField(
        default=list,
        blank=True,
        help_text="Hours (IST) in which no entries are sent; exits pass. "
        f"A list like [{_WINDOW_EXAMPLE}], 0 being Monday.",
    )
    mis_cutoff = _whole(
        "Minutes before the broker squares off in which no fresh MIS order is sent. 15 is usual."
    )
    circuit_breaker = _whole(
        "So many refusals by the broker in a row stop the account's AUTO. GLOBAL only."
    )
    circuit_breaker_unknown = _whole(
        "So many unknown outcomes at once stop the account's AUTO. GLOBAL only."
    )
    circuit_breaker_reducing = models.BooleanField(
        default=False, help_text="On: a breaker also sets the account to REDUCING."
    )
    clock_skew = _decimal(
        "Seconds that this machine's clock may differ from the broker's; beyond, no AUTO. GLOBAL "
        "only."
    )
    clock_skew_warn = _decimal("Seconds of difference from which pages warn. GLOBAL only.")
    reverts_at = models.DateTimeField(
        null=True, blank=True, help_text="When a temporary change ends by itself."
    )
    reverts_to = models.JSONField(
        default=dict, blank=True, editable=False, help_text="The values that return then."
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "risk_settings"
        ordering = ["scope", "strategy__name"]
        verbose_name = "risk settings"
        verbose_name_plural = "risk settings"
        constraints = [
            one_of("scope", RiskScope, "risk_settings_scope_word"),
            one_of("clamp_mode", ClampMode, "risk_settings_clamp_mode_word"),
            models.CheckConstraint(
                condition=Q(scope=RiskScope.GLOBAL, strategy__isnull=True)
                | Q(scope=RiskScope.STRATEGY, strategy__isnull=False),
                name="risk_settings_scope_strategy",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{limit}__isnull": True}) | Q(**{f"{limit}__gt": 0}),
                    name=f"risk_settings_{limit}",
                )
                for limit in POSITIVE_LIMITS
            ),
            models.UniqueConstraint(fields=["strategy"], name="risk_settings_one_per_strategy"),
            models.UniqueConstraint(
                fields=["scope"],
                condition=Q(scope=RiskScope.GLOBAL),
                name="risk_settings_one_global",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the row; every change of a stored row raises `version` by one."""
        if not self._state.adding:
            self.version += 1
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "version", "updated_at"}
        super().save(*args, **kwargs)

    @property
    def label(self) -> str:
        """How texts name this scope: "GLOBAL" or "STRATEGY(name)"."""
        return f"STRATEGY({self.strategy.name})" if self.strategy else "GLOBAL"

    def clean(self) -> None:
        """Tidy the symbol lists and refuse what makes no sense, naming each field and the fix."""
        errors = self._tidy_lists() | self._tidy_windows() | self._wrong_scope()
        if errors:
            raise ValidationError(errors)

    def _tidy_lists(self) -> dict[str, Any]:
        errors: dict[str, Any] = {}
        for name in SYMBOL_LISTS:
            try:
                setattr(self, name, symbol_entries(getattr(self, name)))
            except ValidationError as error:
                errors[name] = error
        if not errors:
            both = [entry for entry in self.symbol_blacklist if entry in self.symbol_whitelist]
            if both:
                fix = "is on the whitelist too; take it off one of the lists."
                errors["symbol_blacklist"] = f"{', '.join(both)} {fix}"
        return errors

    def _tidy_windows(self) -> dict[str, Any]:
        try:
            self.no_trade_windows = no_trade_windows(self.no_trade_windows)
        except ValidationError as error:
            return {"no_trade_windows": error}
        return {}

    def _wrong_scope(self) -> dict[str, Any]:
        errors: dict[str, Any] = {}
        if self.scope == RiskScope.STRATEGY and self.strategy_id is None:
            errors["strategy"] = "Choose the strategy that these settings are for."
        if self.scope == RiskScope.GLOBAL:
            if self.strategy_id is not None:
                errors["strategy"] = "GLOBAL settings have no strategy: leave it empty."
            others = RiskSettings.objects.filter(scope=RiskScope.GLOBAL).exclude(pk=self.pk)
            if others.exists():
                errors["scope"] = "GLOBAL settings exist already: change those instead."
        return errors
