"""The paper broker's own book."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from brokers.models.connection import BrokerConnection
from brokers.paper.matching import Direction
from brokers.port import BrokerStatus
from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import OrderType, Product, Side, Validity, Variety

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
    """The running sum of an account's trades in one instrument and product, and of what ended them.

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


class PaperSettlement(models.Model):
    """What was open of a contract when it expired, taken out of the position.

    `turnover` is what the position's was raised by: the price times the units, or, while the price
    is not known, what the units had cost, so that they have neither won nor lost until it is.
    """

    account = models.ForeignKey(PaperAccount, on_delete=models.PROTECT, related_name="settlements")
    exchange = models.CharField(max_length=64)
    tradingsymbol = models.CharField(max_length=128)
    product = models.CharField(max_length=16, choices=choices(Product))
    quantity = models.BigIntegerField(help_text="What was open, signed: negative was short.")
    price = ScaledDecimalField(null=True, blank=True, help_text="Rupees a unit. Empty: not known.")
    turnover = ScaledDecimalField()
    at = models.DateTimeField()

    class Meta:
        db_table = "paper_settlements"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(price__isnull=True) | Q(price__gte=0),
                name="paper_settlements_price_not_negative",
            ),
            one_of("product", Product, "paper_settlements_product_word"),
        ]
        indexes = [
            models.Index(
                fields=["account", "exchange", "tradingsymbol"], name="paper_settlements_contract"
            ),
            models.Index(fields=["account", "at"], name="paper_settlements_at"),
        ]

    def __str__(self) -> str:
        price = "a price not known" if self.price is None else self.price
        return f"{self.quantity} {self.exchange}:{self.tradingsymbol} settled at {price}"
