"""What stops AUTO by itself, and what a day has come to."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import Product, StateScope


class Breaker(models.Model):
    """A breaker that opened by itself; it stays open until a person resumes.

    `code` is a code of the risk engine. Exactly one of account and strategy is named.
    """

    code = models.CharField(max_length=32)
    connection = models.ForeignKey(
        "brokers.BrokerConnection",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="breakers",
    )
    strategy = models.ForeignKey(
        "trading.Strategy",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="breakers",
    )
    since = models.DateTimeField()
    reason = models.TextField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=150, blank=True)
    close_reason = models.TextField(blank=True)

    class Meta:
        db_table = "breakers"
        ordering = ["-since", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(connection__isnull=False, strategy__isnull=True)
                | Q(connection__isnull=True, strategy__isnull=False),
                name="breakers_one_scope",
            ),
            models.UniqueConstraint(
                fields=["code", "connection"],
                condition=Q(closed_at__isnull=True, connection__isnull=False),
                name="breakers_one_open_per_account",
            ),
            models.UniqueConstraint(
                fields=["code", "strategy"],
                condition=Q(closed_at__isnull=True, strategy__isnull=False),
                name="breakers_one_open_per_strategy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


class RiskDay(models.Model):
    """One IST day of an account, or of one strategy on it.

    `opening` is the open P&L (rupees) with which the day began: it belongs to the days before.
    `reduced_at` and `halted_at`: when the day's loss moved the trading state. It does so once.
    """

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.CASCADE, related_name="risk_days"
    )
    strategy = models.ForeignKey(
        "trading.Strategy",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="risk_days",
    )
    day = models.DateField()
    opening = ScaledDecimalField(default=Decimal(0))
    reduced_at = models.DateTimeField(null=True, blank=True)
    halted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "risk_days"
        ordering = ["-day", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "day"],
                condition=Q(strategy__isnull=True),
                name="risk_days_one_per_account",
            ),
            models.UniqueConstraint(
                fields=["connection", "strategy", "day"],
                condition=Q(strategy__isnull=False),
                name="risk_days_one_per_strategy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} of {self.connection_id}"


class ProductSchedule(models.Model):
    """By the clock: from when no new entries of a product are sent, and when it is squared off.

    Times are IST, on trading days of the instrument's segment.
    """

    product = models.CharField(max_length=16, choices=choices(Product), unique=True)
    enabled = models.BooleanField(default=True)
    no_new_entries_at = models.TimeField(
        null=True, blank=True, help_text="IST. From then on only exits pass. Empty: no such hour."
    )
    square_off_at = models.TimeField(
        null=True,
        blank=True,
        help_text="IST. Working orders are cancelled and positions closed. Empty: never.",
    )

    class Meta:
        db_table = "product_schedules"
        ordering = ["product"]
        constraints = [one_of("product", Product, "product_schedules_product_word")]

    def __str__(self) -> str:
        return f"{self.product} by the clock"

    def clean(self) -> None:
        """Entries end before the square-off, or with it."""
        entries, end = self.no_new_entries_at, self.square_off_at
        if entries is not None and end is not None and entries > end:
            raise ValidationError(
                {"no_new_entries_at": f"Not after the square-off at {end:%H:%M}."}
            )


class SquareOff(models.Model):
    """A square-off: cancel what works, close what is open, follow it to flat.

    `product` limits it to one product; empty is all. `day` is set by the schedule, which asks for
    one a day. `then_halt`: the scope becomes HALTED when it is flat.
    """

    scope = models.CharField(max_length=16, choices=choices(StateScope))
    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.CASCADE, null=True, blank=True
    )
    strategy = models.ForeignKey(
        "trading.Strategy", on_delete=models.CASCADE, null=True, blank=True
    )
    product = models.CharField(max_length=16, blank=True)
    day = models.DateField(null=True, blank=True)
    then_halt = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    started_by = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(blank=True)

    class Meta:
        db_table = "square_offs"
        ordering = ["-started_at", "-id"]
        constraints = [
            one_of("scope", StateScope, "square_offs_scope_word"),
            models.UniqueConstraint(
                fields=["product", "day"],
                condition=Q(day__isnull=False),
                name="square_offs_one_a_day",
            ),
        ]
        indexes = [
            models.Index(
                fields=["started_at"],
                condition=Q(finished_at__isnull=True),
                name="square_offs_open",
            )
        ]

    def __str__(self) -> str:
        return f"square-off of {self.scope} at {self.started_at:%d %b %H:%M}"
