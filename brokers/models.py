"""Accounts at brokers, the prices that are known, and the paper broker's own book."""

from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from brokers.paper.matching import Direction
from brokers.port import BrokerStatus
from sigmatrader import clock, crypto
from sigmatrader.choices import choices, one_of
from sigmatrader.conf import KITE_API_ROOT
from sigmatrader.db import write_transaction
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import OrderType, Product, Side, Validity, Variety

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class BrokerName(models.TextChoices):
    PAPER = "paper", "Paper"
    ZERODHA = "zerodha", "Zerodha"


class ConnectionKind(models.TextChoices):
    """PAPER: play money inside SigmaTrader. SIMULATOR: a pretended Zerodha on this machine."""

    PAPER = "PAPER", "Paper"
    LIVE = "LIVE", "Live (real money)"
    SIMULATOR = "SIMULATOR", "Simulator"


class BrokerConnection(models.Model):
    """One account at one broker. Secrets are stored encrypted and never shown again."""

    name = models.CharField(
        max_length=64, unique=True, help_text="How pages and the API call this account."
    )
    broker_name = models.CharField(
        "broker", max_length=32, choices=BrokerName.choices, default=BrokerName.PAPER
    )
    kind = models.CharField(
        max_length=16,
        choices=ConnectionKind.choices,
        default=ConnectionKind.PAPER,
        help_text="Paper trades with play money. Live sends real orders. "
        "Simulator speaks to a pretended Zerodha on this machine.",
    )
    is_default = models.BooleanField(
        "default",
        default=False,
        help_text="Orders of alerts that name no known strategy go here. One account has it.",
    )
    enabled = models.BooleanField(
        default=True, help_text="Off: nothing is sent through this account. Works at once."
    )
    api_key = models.CharField("API key", max_length=128, blank=True)
    api_secret_encrypted = models.CharField(max_length=512, blank=True, editable=False)
    access_token_encrypted = models.CharField(max_length=512, blank=True, editable=False)
    token_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    user_id = models.CharField("broker user", max_length=64, blank=True, editable=False)
    user_name = models.CharField("broker user name", max_length=128, blank=True, editable=False)
    api_root = models.CharField(
        "API address",
        max_length=255,
        blank=True,
        help_text="Empty for Zerodha's own. Fixed once the account is saved: "
        "its token goes to no other address.",
    )
    last_error = models.TextField(blank=True, editable=False)
    orders_per_second = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most orders in one second. Empty: no limit."
    )
    orders_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most orders in one minute. Empty: no limit."
    )
    orders_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most orders in one day. Empty: no limit."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        db_table = "broker_connections"
        verbose_name = "connection"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="broker_connections_one_default",
                violation_error_message="Another connection is the default: "
                "use the action “Make default” in the list.",
            ),
            models.CheckConstraint(
                condition=Q(broker_name__in=BrokerName.values),
                name="broker_connections_broker_word",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=ConnectionKind.values), name="broker_connections_kind_word"
            ),
            models.CheckConstraint(
                condition=Q(broker_name=BrokerName.PAPER, kind=ConnectionKind.PAPER)
                | (~Q(broker_name=BrokerName.PAPER) & ~Q(kind=ConnectionKind.PAPER)),
                name="broker_connections_kind_fits_broker",
                violation_error_message="Kind must be Paper for the paper broker, "
                "Live or Simulator for Zerodha.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.updated_at = clock.now()
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "updated_at"}
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """A token goes to Zerodha itself, or to a simulator on this machine."""
        host = urlsplit(self.api_root).hostname
        if self.kind == ConnectionKind.SIMULATOR and host not in _LOOPBACK:
            raise ValidationError(
                {"api_root": "The simulator runs on this machine: http://127.0.0.1:PORT."}
            )
        own = {"", KITE_API_ROOT}
        if self.kind != ConnectionKind.SIMULATOR and self.api_root.rstrip("/") not in own:
            raise ValidationError({"api_root": f"Leave it empty, or use {KITE_API_ROOT}."})

    def make_default(self) -> None:
        """Take the default over from whichever connection has it."""
        with write_transaction():
            BrokerConnection.objects.filter(is_default=True).update(is_default=False)
            self.is_default = True
            self.save(update_fields=["is_default"])

    @property
    def simulated(self) -> bool:
        """No broker outside SigmaTrader is involved."""
        return self.kind == ConnectionKind.PAPER

    @property
    def api_secret(self) -> str:
        """The secret in clear; "" when none is stored. Raises CryptoError without its key."""
        return _open(self.api_secret_encrypted)

    @api_secret.setter
    def api_secret(self, value: str) -> None:
        self.api_secret_encrypted = crypto.encrypt(value) if value else ""

    @property
    def access_token(self) -> str:
        """The session's token in clear; "" when none is stored. Raises CryptoError."""
        return _open(self.access_token_encrypted)

    @access_token.setter
    def access_token(self, value: str) -> None:
        self.access_token_encrypted = crypto.encrypt(value) if value else ""


def _open(stored: str) -> str:
    return crypto.decrypt(stored) if stored else ""


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


_PERCENT = [MinValueValidator(Decimal(1)), MaxValueValidator(Decimal(100))]


class PaperAccount(models.Model):
    """The play money behind a paper connection, and how its orders are filled."""

    connection = models.OneToOneField(
        BrokerConnection, on_delete=models.CASCADE, related_name="paper_account"
    )
    starting_cash = ScaledDecimalField(
        default=Decimal(1_000_000),
        validators=[MinValueValidator(Decimal(0))],
        help_text="Rupees paid in. What trading made or lost comes on top.",
    )
    slippage_bps = models.PositiveIntegerField(
        "slippage",
        default=0,
        validators=[MaxValueValidator(1000)],
        help_text="Hundredths of a percent by which market fills are worse than the price, "
        "rounded up to 0.05.",
    )
    fill_depth = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="The most units of an order that one price fills; the rest waits for the next "
        "price. Empty: all at once.",
    )
    keep_market_hours = models.BooleanField(
        default=False,
        help_text="On: orders outside the exchange's session are rejected, and DAY orders end "
        "with it. Off: paper trades at any hour, and DAY orders end at midnight IST.",
    )
    delivery_margin_percent = ScaledDecimalField(
        default=Decimal(100),
        validators=_PERCENT,
        help_text="Of the order's value, for CNC and MTF.",
    )
    intraday_margin_percent = ScaledDecimalField(
        default=Decimal(20), validators=_PERCENT, help_text="Of the order's value, for MIS."
    )
    carry_margin_percent = ScaledDecimalField(
        default=Decimal(100), validators=_PERCENT, help_text="Of the order's value, for NRML."
    )
    tick_cursor = models.BigIntegerField(
        default=0, editable=False, help_text="The last price that resting orders have met."
    )

    class Meta:
        db_table = "paper_accounts"
        constraints = [
            models.CheckConstraint(
                condition=Q(fill_depth__isnull=True) | Q(fill_depth__gt=0),
                name="paper_accounts_depth_positive",
            ),
            models.CheckConstraint(
                condition=Q(starting_cash__gte=0), name="paper_accounts_cash_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"paper account of {self.connection}"


LIVE_STATUSES = (BrokerStatus.OPEN, BrokerStatus.TRIGGER_PENDING, BrokerStatus.TRIGGER_ACTIVE)
UNFINISHED_STATUSES = (BrokerStatus.PENDING, *LIVE_STATUSES)


class PaperOrder(models.Model):
    """An order in the paper broker's book; a GTT is one row from trigger to order.

    `market_price`: the price that it met on arrival, fixed with the row, so that a match that was
    interrupted ends as it began. `after_tick`: the last price that was known then.
    """

    account = models.ForeignKey(PaperAccount, on_delete=models.PROTECT, related_name="orders")
    order_id = models.CharField(max_length=20, unique=True, null=True, blank=True)
    trigger_id = models.CharField(max_length=20, unique=True, null=True, blank=True)
    tag = models.CharField(max_length=20)
    exchange = models.CharField(max_length=64)
    tradingsymbol = models.CharField(max_length=128)
    side = models.CharField(max_length=8, choices=choices(Side))
    quantity = models.PositiveIntegerField()
    filled_quantity = models.PositiveIntegerField(default=0)
    order_type = models.CharField(max_length=16, choices=choices(OrderType))
    product = models.CharField(max_length=16, choices=choices(Product))
    validity = models.CharField(max_length=8, choices=choices(Validity))
    variety = models.CharField(max_length=16, choices=choices(Variety))
    price = ScaledDecimalField(null=True, blank=True)
    trigger_price = ScaledDecimalField(null=True, blank=True)
    multiplier = ScaledDecimalField(default=Decimal(1))
    triggered = models.BooleanField(default=False)
    trigger_direction = models.CharField(max_length=8, blank=True, choices=choices(Direction))
    status = models.CharField(
        max_length=16, choices=choices(BrokerStatus), default=BrokerStatus.PENDING.value
    )
    message = models.TextField(blank=True)
    market_price = ScaledDecimalField(null=True, blank=True)
    after_tick = models.BigIntegerField(default=0)
    placed_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "paper_orders"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "updated_at"], name="paper_orders_updated"),
            models.Index(
                fields=["account", "status"],
                condition=Q(status__in=[status.value for status in UNFINISHED_STATUSES]),
                name="paper_orders_live",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "tag"], name="paper_orders_tag_once"),
            one_of("side", Side, "paper_orders_side_word"),
            one_of("order_type", OrderType, "paper_orders_order_type_word"),
            one_of("product", Product, "paper_orders_product_word"),
            one_of("validity", Validity, "paper_orders_validity_word"),
            one_of("variety", Variety, "paper_orders_variety_word"),
            one_of("status", BrokerStatus, "paper_orders_status_word"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(filled_quantity__lte=F("quantity")),
                name="paper_orders_filled_within_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id or self.trigger_id}: {self.side} {self.quantity} {self.status}"


class PaperTrade(models.Model):
    """One execution. `trade_id` is the order's id and the number of the fill."""

    order = models.ForeignKey(PaperOrder, on_delete=models.PROTECT, related_name="trades")
    trade_id = models.CharField(max_length=32, unique=True)
    quantity = models.PositiveIntegerField()
    price = ScaledDecimalField()
    at = models.DateTimeField()

    class Meta:
        db_table = "paper_trades"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(price__gt=0), name="paper_trades_positive"
            )
        ]
        indexes = [models.Index(fields=["at"], name="paper_trades_at")]

    def __str__(self) -> str:
        return f"{self.trade_id}: {self.quantity} at {self.price}"


class PaperPosition(models.Model):
    """The running sum of an account's trades in one instrument and product.

    Written with each trade, in its transaction, so that funds can be checked without adding up
    the whole past. `turnover`: rupees a unit of multiplier, sold less bought.
    """

    account = models.ForeignKey(PaperAccount, on_delete=models.PROTECT, related_name="positions")
    exchange = models.CharField(max_length=64)
    tradingsymbol = models.CharField(max_length=128)
    product = models.CharField(max_length=16, choices=choices(Product))
    quantity = models.BigIntegerField(default=0, help_text="Signed: negative is short.")
    turnover = ScaledDecimalField(default=Decimal(0))
    multiplier = ScaledDecimalField(default=Decimal(1))

    class Meta:
        db_table = "paper_positions"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "exchange", "tradingsymbol", "product"],
                name="paper_positions_once",
            ),
            one_of("product", Product, "paper_positions_product_word"),
        ]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol} {self.product} {self.quantity}"
