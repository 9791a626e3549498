"""Contracts that ended while something was open of them."""

from decimal import Decimal

from django.db import models

from sigmatrader import clock
from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import Product, Side


class Settlement(models.Model):
    """All that was open of a contract in one account and product, closed by its expiry.

    Read beside fills, and in their order: it comes after the fill `after_fill`. No order was sent
    for it.
    """

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.PROTECT, related_name="settlements"
    )
    exchange = models.CharField(max_length=64, blank=True)
    symbol = models.CharField(max_length=128)
    product = models.CharField(max_length=16, choices=choices(Product))
    qty = models.BigIntegerField(help_text="What was open, signed: negative was short.")
    price = ScaledDecimalField(
        null=True, blank=True, help_text="Rupees a unit. Empty: not known yet, a person states it."
    )
    multiplier = ScaledDecimalField(default=Decimal(1))
    expired_on = models.DateField(help_text="The last day on which it traded.")
    at = models.DateTimeField(help_text="The close of that day.")
    after_fill = models.BigIntegerField(help_text="The id of the last fill before it.")
    basis = models.TextField(blank=True, help_text="Where the price is from, in words.")
    stated_by = models.CharField(max_length=150, blank=True)
    history = models.TextField(
        blank=True, help_text="Earlier prices, one a line: when, what, whose."
    )
    booked_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "settlements"
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(price__isnull=True) | models.Q(price__gte=0),
                name="settlements_price_not_negative",
            ),
            one_of("product", Product, "settlements_product_word"),
        ]
        indexes = [
            models.Index(
                fields=["connection", "exchange", "symbol", "product", "id"],
                name="settlements_place",
            ),
            models.Index(fields=["exchange", "symbol"], name="settlements_contract"),
            models.Index(
                fields=["expired_on"],
                condition=models.Q(price__isnull=True),
                name="settlements_unpriced",
            ),
        ]

    def __str__(self) -> str:
        price = "a price not known" if self.price is None else self.price
        return f"{self.qty} {self.exchange}:{self.symbol} settled at {price}"


class UnpricedLot(models.Model):
    """A lot that expired before anybody knew its price; a closed trade once the price is known."""

    settlement = models.ForeignKey(Settlement, on_delete=models.CASCADE, related_name="lots")
    entry_order = models.ForeignKey(
        "trading.Order", on_delete=models.CASCADE, related_name="unpriced_lots"
    )
    side = models.CharField(max_length=8, choices=choices(Side), help_text="The entry's side.")
    qty = models.BigIntegerField()
    entry_price = ScaledDecimalField()
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "unpriced_lots"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(qty__gt=0), name="unpriced_lots_qty"),
            one_of("side", Side, "unpriced_lots_side_word"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.qty} at {self.entry_price}, settled at a price not known"
