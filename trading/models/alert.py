from django.db import models

from sigmatrader.choices import choices
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import Side


class AlertOutcome(models.TextChoices):
    ACCEPTED = "ACCEPTED"
    IGNORED = "IGNORED"
    REJECTED = "REJECTED"


class Alert(models.Model):
    """One authenticated message as it arrived, with what was read and what became of it."""

    Outcome = AlertOutcome

    strategy = models.ForeignKey(
        "trading.Strategy", on_delete=models.SET_NULL, null=True, blank=True, related_name="alerts"
    )
    strategy_name = models.CharField(max_length=255, blank=True)
    symbol = models.CharField(max_length=128, blank=True)
    exchange = models.CharField(max_length=64, blank=True)
    interval = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=8, blank=True, choices=choices(Side))
    qty = models.BigIntegerField(null=True, blank=True)
    price = ScaledDecimalField(null=True, blank=True)
    platform = models.CharField(max_length=32, default="TRADINGVIEW")
    reason = models.TextField(blank=True, help_text="The comment that the strategy sent along.")
    bar_time = models.DateTimeField(null=True, blank=True)
    alert_time = models.DateTimeField(null=True, blank=True)
    raw_body = models.TextField(help_text="As received, with the secret blanked.")
    received_at = models.DateTimeField()
    source_address = models.CharField(max_length=64, blank=True)

    outcome = models.CharField(max_length=16, choices=AlertOutcome.choices)
    code = models.CharField(max_length=64, blank=True)
    errors = models.JSONField(default=dict, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    repaired = models.BooleanField(default=False)

    dedupe_key = models.CharField(max_length=160, null=True, blank=True, unique=True)
    dedupe_until = models.DateTimeField(
        null=True, blank=True, help_text="Empty: the key holds for ever."
    )
    body_digest = models.CharField(max_length=64, blank=True)
    duplicate_count = models.PositiveIntegerField(default=0)
    last_duplicate_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "alerts"
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(fields=["strategy", "received_at"], name="alerts_strategy_received"),
            models.Index(fields=["symbol", "received_at"], name="alerts_symbol_received"),
            models.Index(fields=["-received_at", "-id"], name="alerts_newest"),
            models.Index(fields=["outcome", "-received_at"], name="alerts_outcome_received"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(action__in=["", "BUY", "SELL"]), name="alerts_action_word"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=AlertOutcome.values), name="alerts_outcome_word"
            ),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk}: {self.action} {self.symbol}".strip()


class IntakeCounter(models.Model):
    """Requests of one kind from one address in one window. Junk is counted, not stored."""

    address = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    window_start = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "intake_counters"
        ordering = ["-window_start"]
        constraints = [
            models.UniqueConstraint(
                fields=["address", "kind", "window_start"], name="intake_counters_unique"
            )
        ]
        indexes = [models.Index(fields=["window_start"], name="intake_counters_window")]

    def __str__(self) -> str:
        return f"{self.kind} from {self.address}: {self.count}"
