from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from sigmatrader import clock
from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.order import AT_BROKER, ENDED, Status
from trading.domain.values import (
    InstrumentKey,
    Mode,
    OrderType,
    Origin,
    Product,
    Side,
    Validity,
    Variety,
)


class Order(models.Model):
    """One intent to trade, from its first moment to its last.

    `status` and everything that changes with it is written by trading.services.lifecycle alone.
    """

    alert = models.ForeignKey(
        "trading.Alert", on_delete=models.SET_NULL, null=True, blank=True, related_name="orders"
    )
    strategy = models.ForeignKey(
        "trading.Strategy", on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    connection = models.ForeignKey(
        "brokers.BrokerConnection",
        on_delete=models.PROTECT,
        related_name="orders",
        db_index=False,  # orders_claim begins with it
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries"
    )
    origin = models.CharField(max_length=16, choices=choices(Origin), default=Origin.ALERT)
    client_order_id = models.CharField(max_length=18, unique=True)

    symbol = models.CharField(max_length=128, help_text="As the alert names it: NSE:INFY.")
    exchange = models.CharField(max_length=64, blank=True)
    tradingsymbol = models.CharField(max_length=128, help_text="The broker's own symbol.")
    lot_size = models.PositiveIntegerField(default=1)
    multiplier = ScaledDecimalField(default=Decimal(1))
    side = models.CharField(max_length=8, choices=choices(Side))
    qty = models.BigIntegerField()
    requested_qty = models.BigIntegerField(help_text="Before risk clamped it.")
    needs_quantity = models.BooleanField(default=False)
    price = ScaledDecimalField(null=True, blank=True)
    reference_price = ScaledDecimalField(
        null=True, blank=True, help_text="The price that the strategy saw."
    )
    trigger_price = ScaledDecimalField(null=True, blank=True)
    order_type = models.CharField(
        max_length=16, choices=choices(OrderType), default=OrderType.MARKET
    )
    product = models.CharField(max_length=16, choices=choices(Product), default=Product.MIS)
    validity = models.CharField(max_length=8, choices=choices(Validity), default=Validity.DAY)
    variety = models.CharField(max_length=16, choices=choices(Variety), default=Variety.REGULAR)
    gtt = models.BooleanField(default=False)
    reduce_only = models.BooleanField(default=False)
    exit_plan = models.JSONField(default=dict, blank=True)
    oco_with = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="oco_target",
        help_text="Of the target leg of a two-leg GTT: its stop leg, which is sent for both.",
    )

    status = models.CharField(max_length=32, choices=choices(Status), default=Status.WAITING)
    mode = models.CharField(max_length=16, choices=choices(Mode), default=Mode.MANUAL)
    simulated = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    cancel_requested = models.BooleanField(default=False)
    modification = models.JSONField(
        null=True, blank=True, help_text="Asked of the broker, not yet confirmed."
    )
    modification_count = models.PositiveSmallIntegerField(default=0)
    set_aside_reason = models.TextField(blank=True)
    error_message = models.TextField(blank=True)
    risk = models.JSONField(null=True, blank=True)
    repaired = models.BooleanField(default=False)
    warnings = models.JSONField(default=list, blank=True)

    broker_order_id = models.CharField(max_length=64, blank=True)
    broker_trigger_id = models.CharField(max_length=64, blank=True)
    filled_qty = models.BigIntegerField(default=0)
    average_price = ScaledDecimalField(null=True, blank=True)

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="Not sent before this moment (backoff, next session)."
    )
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["strategy", "status"], name="orders_strategy_status"),
            models.Index(fields=["symbol", "created_at"], name="orders_symbol_created"),
            models.Index(fields=["broker_order_id"], name="orders_broker_order_id"),
            models.Index(fields=["-created_at", "-id"], name="orders_newest"),
            models.Index(fields=["status", "-created_at"], name="orders_status_newest"),
            models.Index(
                fields=["created_at", "id"], condition=Q(status="WAITING"), name="orders_waiting"
            ),
            models.Index(
                fields=["queued_at", "id"], condition=Q(status="QUEUED"), name="orders_queued"
            ),
            # Claims and risk: an account's orders by state and instrument.
            models.Index(
                fields=["connection", "status", "exchange", "tradingsymbol", "queued_at"],
                name="orders_claim",
            ),
            models.Index(fields=["tradingsymbol", "created_at"], name="orders_tradingsymbol"),
            # What an account or a strategy has sent today.
            models.Index(
                fields=["connection", "sent_at"],
                condition=Q(sent_at__isnull=False),
                name="orders_connection_sent",
            ),
            models.Index(
                fields=["strategy", "sent_at"],
                condition=Q(sent_at__isnull=False),
                name="orders_strategy_sent",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "broker_order_id"],
                condition=~Q(broker_order_id=""),
                name="orders_one_per_broker_order",
            ),
            one_of("status", Status, "orders_status_word"),
            one_of("side", Side, "orders_side_word"),
            one_of("order_type", OrderType, "orders_order_type_word"),
            one_of("product", Product, "orders_product_word"),
            one_of("validity", Validity, "orders_validity_word"),
            one_of("variety", Variety, "orders_variety_word"),
            one_of("mode", Mode, "orders_mode_word"),
            one_of("origin", Origin, "orders_origin_word"),
            models.CheckConstraint(
                condition=Q(qty__gte=0) & Q(requested_qty__gte=0), name="orders_qty_positive"
            ),
            models.CheckConstraint(
                condition=Q(filled_qty__gte=0) & Q(filled_qty__lte=F("qty")),
                name="orders_filled_within_qty",
            ),
            models.CheckConstraint(
                condition=(Q(price__isnull=True) | Q(price__gt=0))
                & (Q(trigger_price__isnull=True) | Q(trigger_price__gt=0)),
                name="orders_prices_positive",
            ),
            models.CheckConstraint(
                condition=~Q(status="WAITING", mode="AUTO"), name="orders_waiting_is_manual"
            ),
            models.CheckConstraint(
                condition=Q(qty__gt=0) | Q(status__in=["WAITING", "CANCELLED", "EXPIRED"]),
                name="orders_sendable_has_qty",
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.pk}: {self.side} {self.qty} {self.symbol} {self.status}"

    @property
    def instrument(self) -> InstrumentKey:
        return InstrumentKey(self.exchange, self.tradingsymbol)

    @property
    def seen_price(self) -> Decimal | None:
        """The price that the alert saw. A limit that a person typed is no observation."""
        if self.reference_price is None and self.order_type == OrderType.MARKET:
            return self.price
        return self.reference_price

    @property
    def at_broker(self) -> bool:
        return Status(self.status) in AT_BROKER

    @property
    def ended(self) -> bool:
        return Status(self.status) in ENDED

    @property
    def never_sent(self) -> bool:
        """No attempt was ever made, so the broker can't know the order."""
        return not self.broker_order_id and not self.broker_trigger_id and self.sent_at is None

    @property
    def pending_qty(self) -> int:
        return max(self.qty - self.filled_qty, 0)


class OrderEvent(models.Model):
    """One entry of an order's log. Append-only; the log replays to the row."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events")
    sequence = models.PositiveIntegerField(help_text="The order's version after this event.")
    at = models.DateTimeField()
    from_status = models.CharField(max_length=32, null=True, blank=True)
    to_status = models.CharField(max_length=32)
    actor = models.CharField(max_length=150)
    reason = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "order_events"
        ordering = ["order_id", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["order", "sequence"], name="order_events_sequence")
        ]
        indexes = [models.Index(fields=["-at"], name="order_events_newest")]

    def __str__(self) -> str:
        return f"order {self.order_id} #{self.sequence}: {self.from_status} → {self.to_status}"


class AttemptOutcome(models.TextChoices):
    SENT = "SENT"
    REFUSED = "REFUSED"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"
    NOT_PLACED = "NOT_PLACED"


class OrderAttempt(models.Model):
    """One try to place an order: committed, with its tag and lease, before any byte leaves."""

    Outcome = AttemptOutcome

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    tag = models.CharField(max_length=20, unique=True)
    variety = models.CharField(max_length=16, choices=choices(Variety))
    worker_id = models.CharField(max_length=120)
    lease_token = models.CharField(max_length=32)
    lease_until = models.DateTimeField()
    claimed_at = models.DateTimeField()
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty: the outcome is not settled yet."
    )
    outcome = models.CharField(max_length=16, choices=AttemptOutcome.choices, blank=True)
    broker_order_id = models.CharField(max_length=64, blank=True)
    message = models.TextField(blank=True, help_text="The broker's words.")
    book_reads = models.PositiveSmallIntegerField(
        default=0, help_text="Complete reads of the order book that did not show the tag."
    )
    first_read_at = models.DateTimeField(null=True, blank=True)
    last_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "order_attempts"
        ordering = ["order_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="order_attempts_number"),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(closed_at__isnull=True),
                name="order_attempts_one_open",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(closed_at__isnull=True),
                name="order_attempts_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tag} {self.outcome or 'open'}"


class OrderMargin(models.Model):
    """What the broker says that an order would take, read just before it is claimed.

    `asked` is the order as it was asked about; the answer holds for that alone. `required` and
    `charges` are rupees, None when the broker gave no answer.
    """

    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="margin")
    asked = models.JSONField(default=dict)
    required = ScaledDecimalField(null=True, blank=True)
    charges = ScaledDecimalField(null=True, blank=True)
    error = models.TextField(blank=True)
    read_at = models.DateTimeField()

    class Meta:
        db_table = "order_margins"

    def __str__(self) -> str:
        return f"margin of order {self.order_id}: {self.required}"


class Fill(models.Model):
    """One execution that the broker reported."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="fills")
    connection = models.ForeignKey(
        "brokers.BrokerConnection", on_delete=models.PROTECT, related_name="fills"
    )
    trade_id = models.CharField(max_length=64)
    exchange = models.CharField(max_length=64, blank=True)
    symbol = models.CharField(max_length=128)
    product = models.CharField(max_length=16)
    side = models.CharField(max_length=8, choices=choices(Side))
    qty = models.BigIntegerField()
    price = ScaledDecimalField()
    open_qty = models.BigIntegerField(
        default=0, help_text="What later fills have not closed yet (for first in, first out)."
    )
    at = models.DateTimeField()
    booked_at = models.DateTimeField(
        default=clock.now,
        null=True,
        help_text="When it became known here; the exchange tells whole seconds.",
    )

    class Meta:
        db_table = "fills"
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "trade_id"], name="fills_trade"),
            models.CheckConstraint(
                condition=Q(qty__gt=0) & Q(open_qty__gte=0) & Q(open_qty__lte=F("qty")),
                name="fills_qty",
            ),
            one_of("side", Side, "fills_side_word"),
        ]
        indexes = [
            models.Index(
                fields=["connection", "exchange", "symbol", "product", "id"],
                condition=Q(open_qty__gt=0),
                name="fills_open_lots",
            ),
            models.Index(fields=["-at"], name="fills_newest"),
            # All that is open in an account: SQLite prefers the smallest index that fits.
            models.Index(fields=["connection"], condition=Q(open_qty__gt=0), name="fills_open"),
            # What an account has traded since its broker was last read.
            models.Index(fields=["connection", "booked_at"], name="fills_booked"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.qty} {self.symbol} @ {self.price}"
