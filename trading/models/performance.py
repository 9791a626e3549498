"""What trades cost and add up to. All but the rates is worked out from fills and can be again."""

from decimal import Decimal
from typing import Final

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from sigmatrader.choices import one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.charges import ChargeSegment, Rates
from trading.domain.values import Exchange

_NAMES: Final = {
    ChargeSegment.EQUITY_INTRADAY: "shares within the day",
    ChargeSegment.EQUITY_DELIVERY: "shares, delivery",
    ChargeSegment.EQUITY_MTF: "shares, delivery with borrowed money",
    ChargeSegment.FUTURES: "futures on shares and indices",
    ChargeSegment.OPTIONS: "options on shares and indices",
    ChargeSegment.CURRENCY_FUTURES: "currency futures",
    ChargeSegment.CURRENCY_OPTIONS: "currency options",
    ChargeSegment.COMMODITY_FUTURES: "commodity futures",
    ChargeSegment.COMMODITY_OPTIONS: "commodity options",
}
SEGMENTS: Final = [(segment.value, f"{segment} ({_NAMES[segment]})") for segment in ChargeSegment]
_PERCENTS: Final = ("brokerage_percent", "tax_buy", "tax_sell", "transaction", "sebi", "stamp_buy")


def _percent(help_text: str) -> ScaledDecimalField:
    return ScaledDecimalField(scale=6, default=Decimal(0), help_text=f"Percent. {help_text}")


class ChargeRate(models.Model):
    """What the broker, exchanges and the state ask for in one segment of one exchange."""

    segment = models.CharField(max_length=24, choices=SEGMENTS)
    exchange = models.CharField(max_length=8, choices=[(one.value, one.value) for one in Exchange])
    valid_from = models.DateField(
        help_text="The first day of these rates; they hold until a later row begins. "
        "Days before the first row go by the first."
    )
    brokerage_percent = ScaledDecimalField(
        scale=6,
        null=True,
        blank=True,
        default=Decimal(0),
        help_text="Percent of the order's value, at most the cap: 0.03. Empty: every order costs "
        "the cap.",
    )
    brokerage_cap = ScaledDecimalField(
        default=Decimal(0), help_text="Rupees for one executed order, at most: 20."
    )
    tax_buy = _percent("STT or CTT when buying: 0.1 for delivery.")
    tax_sell = _percent("STT or CTT when selling: 0.025 for shares within the day.")
    transaction = _percent("The exchange's transaction charge: 0.00307 for shares at NSE.")
    sebi = _percent("SEBI's fee: 0.0001, which is ₹10 a crore.")
    stamp_buy = _percent("Stamp duty when buying: 0.015 for delivery.")
    gst = _percent("GST on brokerage, transaction charge and SEBI's fee: 18.")
    depository = ScaledDecimalField(
        default=Decimal(0),
        help_text="Rupees before GST for one company's shares sold from delivery on one day: 13.",
    )
    source = models.CharField(max_length=255, blank=True, help_text="Where this is from, and when.")

    class Meta:
        db_table = "charge_rates"
        ordering = ["segment", "exchange", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["segment", "exchange", "valid_from"],
                name="charge_rates_once",
                violation_error_message="There are rates from that day already: change that row.",
            ),
            models.CheckConstraint(
                condition=(Q(brokerage_percent__isnull=True) | Q(brokerage_percent__gte=0))
                & Q(
                    brokerage_cap__gte=0,
                    tax_buy__gte=0,
                    tax_sell__gte=0,
                    transaction__gte=0,
                    sebi__gte=0,
                    stamp_buy__gte=0,
                    gst__gte=0,
                    depository__gte=0,
                ),
                name="charge_rates_positive",
                violation_error_message="No rate is below 0.",
            ),
            one_of("segment", ChargeSegment, "charge_rates_segment_word"),
        ]

    def __str__(self) -> str:
        return f"{self.segment} at {self.exchange} from {self.valid_from}"

    def clean(self) -> None:
        """A rate of 20 percent is a slip: rupees in a field of percent."""
        errors = {
            name: "This is percent of the order's value: at most 5."
            for name in _PERCENTS
            if (value := getattr(self, name)) is not None and value > 5
        }
        if errors:
            raise ValidationError(errors)

    @property
    def rates(self) -> Rates:
        return Rates(
            segment=ChargeSegment(self.segment),
            exchange=self.exchange,
            valid_from=self.valid_from,
            brokerage_percent=self.brokerage_percent,
            brokerage_cap=self.brokerage_cap,
            tax_buy=self.tax_buy,
            tax_sell=self.tax_sell,
            transaction=self.transaction,
            sebi=self.sebi,
            stamp_buy=self.stamp_buy,
            gst=self.gst,
            depository=self.depository,
        )


class AnalyticsRebuild(models.Model):
    """All charges and totals worked out again, because somebody asked for it."""

    asked_by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    total = models.PositiveIntegerField(default=0, help_text="Days of accounts.")
    error = models.TextField(blank=True)

    class Meta:
        db_table = "analytics_rebuilds"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"rebuild {self.pk} of {self.asked_at:%d %b %Y}"


class DayDue(models.Model):
    """A day of an account whose charges and totals are to be worked out (again).

    Written with what changed, in its transaction; several rows may name one day. Whoever works
    the day out removes the rows that were there before it began.
    """

    connection = models.ForeignKey("brokers.BrokerConnection", on_delete=models.CASCADE)
    day = models.DateField()
    rebuild = models.ForeignKey(
        AnalyticsRebuild, on_delete=models.CASCADE, null=True, blank=True, related_name="due"
    )
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "analytics_days_due"
        ordering = ["day", "id"]
        indexes = [models.Index(fields=["day", "connection"], name="analytics_days_due_day")]

    def __str__(self) -> str:
        return f"{self.day} of {self.connection_id}"


class TotalKind(models.TextChoices):
    """What a day is divided by: nothing, instruments, or hours (IST) of the closing."""

    DAY = "DAY"
    SYMBOL = "SYMBOL"
    HOUR = "HOUR"


class DayTotal(models.Model):
    """Sums over the trades that one strategy closed in one account on one day (IST)."""

    Kind = TotalKind

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.CASCADE, db_index=False
    )
    strategy = models.ForeignKey(
        "trading.Strategy", on_delete=models.CASCADE, null=True, blank=True, db_index=False
    )
    day = models.DateField()
    kind = models.CharField(max_length=8, choices=TotalKind.choices)
    exchange = models.CharField(max_length=64, blank=True)
    symbol = models.CharField(max_length=128, blank=True)
    hour = models.PositiveSmallIntegerField(null=True, blank=True)
    trades = models.PositiveIntegerField()
    wins = models.PositiveIntegerField()
    losses = models.PositiveIntegerField()
    gross = ScaledDecimalField()
    charges = ScaledDecimalField()
    won = ScaledDecimalField(help_text="Net rupees of the wins.")
    lost = ScaledDecimalField(help_text="Net rupees of the losses, zero or negative.")
    best = ScaledDecimalField()
    worst = ScaledDecimalField()
    r_sum = ScaledDecimalField()
    r_trades = models.PositiveIntegerField()
    held_seconds = models.BigIntegerField()
    told = models.PositiveIntegerField(help_text="Trades whose charges are the broker's word.")
    told_charges = ScaledDecimalField(
        default=Decimal(0), help_text="Of the charges, rupees that are the broker's word."
    )

    class Meta:
        db_table = "analytics_day_totals"
        indexes = [
            models.Index(fields=["kind", "symbol", "day"], name="analytics_totals_symbol"),
            models.Index(fields=["connection", "day"], name="analytics_totals_account"),
            models.Index(fields=["strategy", "kind", "day"], name="analytics_totals_strategy"),
        ]
        constraints = [one_of("kind", TotalKind, "analytics_totals_kind_word")]

    def __str__(self) -> str:
        return f"{self.day}: {self.trades} trades, {self.gross} gross"


class DayExposure(models.Model):
    """The value of open positions at their entry prices on one day: of a strategy in an account,
    or of the `whole` account. Days on which nothing was filled have no row."""

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.CASCADE, db_index=False
    )
    strategy = models.ForeignKey(
        "trading.Strategy", on_delete=models.CASCADE, null=True, blank=True, db_index=False
    )
    whole = models.BooleanField()
    day = models.DateField()
    highest = ScaledDecimalField()
    carried = ScaledDecimalField(help_text="At the end of the day.")

    class Meta:
        db_table = "analytics_day_exposure"
        indexes = [
            models.Index(
                fields=["connection", "whole", "strategy", "day"], name="analytics_exposure_day"
            ),
            models.Index(fields=["whole", "strategy", "day"], name="analytics_exposure_strategy"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: at most {self.highest}"
