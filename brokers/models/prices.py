"""Prices that became known."""

from django.db import models
from django.db.models import Q

from sigmatrader.fields import ScaledDecimalField


class PriceSource(models.TextChoices):
    """Who told us a price. Only what is not an alert's counts as the market's last price."""

    ALERT = "alert", "Alert"
    BROKER = "broker", "Broker"
    PERSON = "person", "Person"


class PriceTick(models.Model):
    """One price that was seen, in the order in which it became known."""

    exchange = models.CharField(max_length=64)
    tradingsymbol = models.CharField(max_length=128)
    price = ScaledDecimalField()
    at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=PriceSource.choices)

    class Meta:
        db_table = "price_ticks"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["exchange", "tradingsymbol", "-id"], name="price_ticks_newest")
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gt=0), name="price_ticks_price_positive"),
            models.CheckConstraint(
                condition=Q(source__in=PriceSource.values), name="price_ticks_source_word"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol} {self.price}"


class PriceBand(models.Model):
    """The day's circuit of an instrument, as a broker with market data last told it."""

    exchange = models.CharField(max_length=64)
    tradingsymbol = models.CharField(max_length=128)
    lower = ScaledDecimalField()
    upper = ScaledDecimalField()
    read_at = models.DateTimeField()

    class Meta:
        db_table = "price_bands"
        constraints = [
            models.UniqueConstraint(fields=["exchange", "tradingsymbol"], name="price_bands_once"),
            models.CheckConstraint(
                condition=Q(lower__gt=0) & Q(upper__gte=models.F("lower")),
                name="price_bands_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol} {self.lower} to {self.upper}"
