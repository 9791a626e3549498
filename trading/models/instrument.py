from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from sigmatrader import clock
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


class InstrumentLoad(models.Model):
    """One load of the broker's instrument list. The last whole one is what orders are read by."""

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.SET_NULL, null=True, blank=True
    )
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    listed_on = models.DateField(help_text="The IST day that the list is of.")
    rows = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="Lines that could not be read.")
    error = models.TextField(blank=True)

    class Meta:
        db_table = "instrument_loads"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"instrument list of {self.listed_on}: {self.rows} rows"

    @property
    def whole(self) -> bool:
        """The list came to its end and is in use."""
        return self.finished_at is not None and not self.error


class SymbolOverride(models.Model):
    """A person's word on what an alert's symbol stands for; wins over every rule."""

    source_exchange = models.CharField(
        max_length=16, blank=True, help_text="As the alert names it. Empty: any exchange."
    )
    source_symbol = models.CharField(
        max_length=128, help_text="As the alert names it, for example NIFTY1! or M_M."
    )
    exchange = models.CharField(max_length=16, help_text="The broker's exchange: NSE, NFO, MCX …")
    tradingsymbol = models.CharField(max_length=128, help_text="Exactly the broker's symbol.")
    valid_from = models.DateField(null=True, blank=True, help_text="Empty: since ever.")
    valid_until = models.DateField(
        null=True, blank=True, help_text="The last day. Empty: for good. Set it for a future."
    )
    note = models.CharField(max_length=255, blank=True)

    class Meta:
        db_table = "symbol_overrides"
        ordering = ["source_symbol", "source_exchange", "valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_from__lte=F("valid_until")),
                name="symbol_overrides_days_in_order",
                violation_error_message="The first day must not be after the last.",
            )
        ]
        indexes = [models.Index(fields=["source_symbol"], name="symbol_overrides_symbol")]

    def __str__(self) -> str:
        source = f"{self.source_exchange or '*'}:{self.source_symbol}"
        return f"{source} → {self.exchange}:{self.tradingsymbol}"

    def clean(self) -> None:
        for name in ("source_exchange", "source_symbol", "exchange", "tradingsymbol"):
            setattr(self, name, getattr(self, name).strip().upper())
        if not self.source_symbol:
            raise ValidationError({"source_symbol": "Enter the symbol that the alert sends."})


class ContractRule(models.Model):
    """What the broker's list does not say of an underlying's contracts.

    `freeze_quantity`: the most units in one order (exchange rule). `multiplier`: rupees per lot
    and point of price on MCX and CDS, whose lists count in lots.
    """

    exchange = models.CharField(max_length=16, help_text="NFO, BFO, MCX, CDS …")
    name = models.CharField(
        max_length=64, help_text="The underlying as the list names it: NIFTY, GOLDM, USDINR."
    )
    freeze_quantity = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most units in one order. Empty: not known."
    )
    multiplier = ScaledDecimalField(
        null=True, blank=True, help_text="Rupees per lot and point. Empty: 1, or not known on MCX."
    )
    source = models.CharField(max_length=255, blank=True, help_text="Where the figure is from.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "contract_rules"
        ordering = ["exchange", "name"]
        constraints = [
            models.UniqueConstraint(fields=["exchange", "name"], name="contract_rules_once"),
            models.CheckConstraint(
                condition=(Q(freeze_quantity__isnull=True) | Q(freeze_quantity__gt=0))
                & (Q(multiplier__isnull=True) | Q(multiplier__gt=0)),
                name="contract_rules_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.name}"
