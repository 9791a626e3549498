from django.db import models

from sigmatrader import clock
from sigmatrader.choices import choices, one_of
from trading.domain.values import TriggerKind, TriggerStatus


class Trigger(models.Model):
    """A GTT at the broker. Its orders name it by `broker_trigger_id`; a two-leg one has two."""

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.PROTECT, related_name="triggers"
    )
    trigger_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=choices(TriggerKind))
    status = models.CharField(
        max_length=16, choices=choices(TriggerStatus), default=TriggerStatus.ACTIVE
    )
    legs = models.JSONField(
        default=list, help_text="Per leg: trigger price, limit price, side, quantity, order id."
    )
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "triggers"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "trigger_id"], name="triggers_once"),
            one_of("kind", TriggerKind, "triggers_kind_word"),
            one_of("status", TriggerStatus, "triggers_status_word"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} trigger {self.trigger_id} {self.status}"


class BookEntry(models.Model):
    """The last state of an order in a broker's book of one day, kept when the broker forgets it.

    The broker's day runs from 06:00 to 06:00 IST.
    """

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.PROTECT, related_name="book_entries"
    )
    book_day = models.DateField()
    broker_order_id = models.CharField(max_length=64)
    order = models.ForeignKey(
        "trading.Order", on_delete=models.SET_NULL, null=True, blank=True, related_name="book"
    )
    status = models.CharField(max_length=64, help_text="The broker's own word.")
    report = models.JSONField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "book_entries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "book_day", "broker_order_id"], name="book_entries_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.broker_order_id} {self.status} ({self.book_day})"
