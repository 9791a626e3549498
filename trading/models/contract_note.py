"""What a broker said that executed orders cost, once their day was over."""

from django.db import models
from django.db.models import F, Q

from sigmatrader.fields import ScaledDecimalField


class OrderCharges(models.Model):
    """The broker's word on one executed order: `quantity` units at `price` on average.

    It holds for that execution alone. `total` is rupees, all charges of its contract note; None
    when the broker refused to say, with the reason in `error` and how often in `refusals`.
    """

    order = models.OneToOneField(
        "trading.Order", on_delete=models.CASCADE, related_name="broker_charges"
    )
    quantity = models.BigIntegerField()
    price = ScaledDecimalField()
    total = ScaledDecimalField(null=True, blank=True)
    error = models.TextField(blank=True)
    refusals = models.PositiveSmallIntegerField(default=0)
    told_at = models.DateTimeField()

    class Meta:
        db_table = "order_charges"
        verbose_name = verbose_name_plural = "charges the broker told"
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & (Q(total__isnull=True) | Q(total__gte=0)),
                name="order_charges_positive",
            )
        ]

    def __str__(self) -> str:
        return f"charges of order {self.order_id}: {self.total}"


class ChargesRead(models.Model):
    """The asking for the charges of one account's orders of one day (IST), until `finished_at`.

    `orders`: how many were executed, `told`: of how many the broker said what they cost. `error`:
    why the last request failed, or why the broker did not speak of some of them.
    """

    connection = models.ForeignKey("brokers.BrokerConnection", on_delete=models.CASCADE)
    day = models.DateField()
    orders = models.PositiveIntegerField(default=0)
    told = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "charges_reads"
        verbose_name = verbose_name_plural = "asking for charges"
        constraints = [
            models.UniqueConstraint(fields=["connection", "day"], name="charges_reads_once"),
            models.CheckConstraint(condition=Q(told__lte=F("orders")), name="charges_reads_told"),
        ]

    def __str__(self) -> str:
        return f"charges of {self.day} in account {self.connection_id}"
