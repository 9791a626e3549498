"""The trading state of each scope, and its history."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from risk.models.history import AppendOnly
from sigmatrader.choices import choices, one_of
from trading.domain.values import StateScope, TradingStateName


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


class TradingStateChange(AppendOnly):
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

    class Meta(AppendOnly.Meta):
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
