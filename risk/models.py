"""Limits as a person sets them, and the trading state with its history."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from risk.engine.limits import clean_entries
from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import ClampMode, RiskScope, StateScope, TradingStateName

SYMBOL_LISTS = ("symbol_whitelist", "symbol_blacklist")
POSITIVE_LIMITS = (
    "max_order_value",
    "max_quantity_per_order",
    "max_daily_loss",
    "max_open_positions",
)


def more_than_zero(limit: int | Decimal) -> None:
    """Validate a limit: 0 could mean "none" or "no limit", so it is neither."""
    if limit <= 0:
        raise ValidationError("Must be more than 0; leave it empty for no limit.", code="min_value")


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
        help_text="₹ lost in a day, as a positive number. Not enforced yet: it is kept and shown, "
        "but no order is stopped by it.",
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
        errors = self._tidy_lists() | self._wrong_scope()
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


class TradingState(models.Model):
    """The trading state of one scope now. A scope without a row is ACTIVE."""

    scope = models.CharField(max_length=16, choices=choices(StateScope))
    connection = models.ForeignKey(
        "brokers.BrokerConnection",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="trading_states",
    )
    strategy = models.ForeignKey(
        "trading.Strategy",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="trading_states",
    )
    state = models.CharField(
        max_length=16, choices=choices(TradingStateName), default=TradingStateName.ACTIVE
    )
    reason = models.TextField(blank=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        db_table = "trading_states"
        ordering = ["scope", "id"]
        constraints = [
            one_of("scope", StateScope, "trading_states_scope_word"),
            one_of("state", TradingStateName, "trading_states_state_word"),
            models.CheckConstraint(
                condition=Q(
                    scope=StateScope.EVERYTHING, connection__isnull=True, strategy__isnull=True
                )
                | Q(scope=StateScope.ACCOUNT, connection__isnull=False, strategy__isnull=True)
                | Q(scope=StateScope.STRATEGY, connection__isnull=True, strategy__isnull=False),
                name="trading_states_scope_object",
            ),
            models.UniqueConstraint(
                fields=["scope"],
                condition=Q(scope=StateScope.EVERYTHING),
                name="trading_states_one_everything",
            ),
            models.UniqueConstraint(fields=["connection"], name="trading_states_one_per_account"),
            models.UniqueConstraint(fields=["strategy"], name="trading_states_one_per_strategy"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.state}"

    @property
    def label(self) -> str:
        """How texts name the scope: "everything", "account zerodha", "strategy supertrend"."""
        if self.connection:
            return f"account {self.connection}"
        if self.strategy:
            return f"strategy {self.strategy}"
        return "everything"


class _AppendOnly(models.QuerySet["TradingStateChange"]):
    """Rows are added, and never changed or removed through the models."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("The history of the trading state is append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("The history of the trading state is append-only.")


class TradingStateChange(models.Model):
    """One change of a trading state: who, when, why. Append-only.

    `label` keeps the name of the account or strategy when that is deleted.
    """

    scope = models.CharField(max_length=16, choices=choices(StateScope))
    connection = models.ForeignKey(
        "brokers.BrokerConnection",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="trading_state_changes",
    )
    strategy = models.ForeignKey(
        "trading.Strategy",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="trading_state_changes",
    )
    label = models.CharField(max_length=300)
    old = models.CharField(max_length=16, choices=choices(TradingStateName))
    new = models.CharField(max_length=16, choices=choices(TradingStateName))
    reason = models.TextField(blank=True)
    actor = models.CharField(max_length=150)
    at = models.DateTimeField()

    objects = _AppendOnly.as_manager()

    class Meta:
        db_table = "trading_state_changes"
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["-at", "-id"], name="trading_state_changes_latest")]
        constraints = [
            one_of("scope", StateScope, "trading_state_changes_scope"),
            one_of("old", TradingStateName, "trading_state_changes_old"),
            one_of("new", TradingStateName, "trading_state_changes_new"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.old} → {self.new}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the row; a row that is stored already is never changed."""
        if not self._state.adding:
            raise TypeError("The history of the trading state is append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("The history of the trading state is append-only.")
