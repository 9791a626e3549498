from decimal import Decimal

from django.db import models

from sigmatrader.fields import ScaledDecimalField


class Instrument(models.Model):
    """What can be traded, from the broker's daily list."""

    exchange = models.CharField(max_length=16)
    tradingsymbol = models.CharField(max_length=128)
    name = models.CharField(max_length=128, blank=True)
    instrument_token = models.BigIntegerField(null=True, blank=True)
    instrument_type = models.CharField(max_length=16, blank=True)
    segment = models.CharField(max_length=32, blank=True)
    expiry = models.DateField(null=True, blank=True)
    strike = ScaledDecimalField(null=True, blank=True)
    tick_size = ScaledDecimalField(default=Decimal("0.05"))
    lot_size = models.PositiveIntegerField(default=1)
    multiplier = ScaledDecimalField(default=Decimal(1))
    search_key = models.CharField(
        max_length=128, help_text="The symbol's letters and digits alone, upper case."
    )
    listed_on = models.DateField(help_text="The day of the list that it was last seen in.")

    class Meta:
        db_table = "instruments"
        ordering = ["exchange", "tradingsymbol"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "tradingsymbol"], name="instruments_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(lot_size__gt=0, tick_size__gt=0, multiplier__gt=0),
                name="instruments_positive",
            ),
        ]
        indexes = [models.Index(fields=["exchange", "search_key"], name="instruments_search")]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}"
