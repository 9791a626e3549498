from decimal import Decimal

from django.db import models

from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import Product, Side


class Position(models.Model):
    """The net position that our fills add up to, per account, instrument and product."""

    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.PROTECT, related_name="positions"
    )
    exchange = models.CharField(max_length=64, blank=True)
    symbol = models.CharField(max_length=128)
    product = models.CharField(max_length=16, choices=choices(Product))
    qty = models.BigIntegerField(default=0, help_text="Signed: negative is short.")
    avg_price = ScaledDecimalField(default=Decimal(0))
    realised = ScaledDecimalField(default=Decimal(0))
    pnl = ScaledDecimalField(
        default=Decimal(0), help_text="Realised, plus open P&L at the last price."
    )
    last_price = ScaledDecimalField(null=True, blank=True)
    multiplier = ScaledDecimalField(default=Decimal(1))
    last_updated = models.DateTimeField()

    class Meta:
        db_table = "positions"
        ordering = ["symbol", "product"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "exchange", "symbol", "product"], name="positions_unique"
            ),
            one_of("product", Product, "positions_product_word"),
        ]
        indexes = [
            models.Index(fields=["connection"], condition=~models.Q(qty=0), name="positions_open")
        ]

    def __str__(self) -> str:
        return f"{self.qty} {self.exchange}:{self.symbol} {self.product}"

    @property
    def unrealised(self) -> Decimal:
        """Open P&L in rupees at the last price known."""
        return self.pnl - self.realised


class ClosedTrade(models.Model):
    """A piece of a position that one order opened and another closed, first in, first out.

    What was open when its contract expired was closed by a settlement, and has no exit order.
    """

    entry_order = models.ForeignKey(
        "trading.Order", on_delete=models.CASCADE, related_name="trades_opened"
    )
    exit_order = models.ForeignKey(
        "trading.Order",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="trades_closed",
    )
    settlement = models.ForeignKey(
        "trading.Settlement",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="trades",
    )
    strategy = models.ForeignKey(
        "trading.Strategy", on_delete=models.SET_NULL, null=True, blank=True, related_name="trades"
    )
    connection = models.ForeignKey("brokers.BrokerConnection", on_delete=models.PROTECT)
    exchange = models.CharField(max_length=64, blank=True)
    symbol = models.CharField(max_length=128)
    product = models.CharField(max_length=16)
    side = models.CharField(max_length=8, choices=choices(Side), help_text="The entry's side.")
    qty = models.BigIntegerField()
    entry_price = ScaledDecimalField()
    exit_price = ScaledDecimalField()
    pnl = ScaledDecimalField(help_text="Rupees, before charges.")
    r_multiple = ScaledDecimalField(
        null=True, blank=True, help_text="P&L over the risk to the stop of the entry's exit plan."
    )
    # Worked out by the worker soon after; empty until then.
    entry_charges = ScaledDecimalField(
        null=True, blank=True, help_text="Share in the charges of the entry order, rupees."
    )
    exit_charges = ScaledDecimalField(
        null=True, blank=True, help_text="Share in the charges of the exit order, rupees."
    )
    depository_charges = ScaledDecimalField(
        null=True, blank=True, help_text="For delivery out of the depository, rupees."
    )
    risk = ScaledDecimalField(
        null=True, blank=True, help_text="Rupees at stake by the stop of the entry's exit plan."
    )
    simulated = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField()

    class Meta:
        db_table = "analytics_trades"
        ordering = ["-closed_at", "-id"]
        indexes = [
            models.Index(fields=["strategy", "closed_at"], name="analytics_trades_strategy"),
            models.Index(fields=["-closed_at", "-id"], name="analytics_trades_newest"),
            models.Index(fields=["connection", "closed_at"], name="analytics_trades_account"),
            # When a strategy last left an instrument.
            models.Index(
                fields=["strategy", "connection", "exchange", "symbol", "-closed_at"],
                name="analytics_trades_exits",
            ),
            models.Index(fields=["connection", "opened_at"], name="analytics_trades_opened"),
            models.Index(fields=["symbol", "closed_at"], name="analytics_trades_symbol"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(qty__gt=0), name="analytics_trades_qty"),
            models.CheckConstraint(
                condition=models.Q(exit_order__isnull=False, settlement__isnull=True)
                | models.Q(exit_order__isnull=True, settlement__isnull=False),
                name="analytics_trades_one_end",
            ),
            one_of("side", Side, "analytics_trades_side_word"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.qty} {self.symbol}: {self.pnl}"

    @property
    def exit_reason(self) -> str:
        """How it ended: ORDER or EXPIRY."""
        return "ORDER" if self.settlement_id is None else "EXPIRY"

    @property
    def charges(self) -> Decimal | None:
        """Rupees of both orders; None until they are worked out."""
        if self.entry_charges is None or self.exit_charges is None:
            return None
        return self.entry_charges + self.exit_charges + (self.depository_charges or Decimal(0))

    @property
    def net(self) -> Decimal | None:
        """P&L after charges; None until they are worked out."""
        return None if self.charges is None else self.pnl - self.charges

    @property
    def net_r(self) -> Decimal | None:
        """Net P&L in units of the risk; None without a stop, and until it is worked out."""
        return self.net / self.risk if self.net is not None and self.risk else None
