from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.signal import STRATEGY_NAME_RULE, is_strategy_name
from trading.domain.values import (
    ExecutionTarget,
    Mode,
    OffHours,
    OrderType,
    Product,
    SizingMode,
)


def check_strategy_name(name: str) -> None:
    """Refuse a name that no alert can carry."""
    if not is_strategy_name(name):
        raise ValidationError(f"Use {STRATEGY_NAME_RULE}.", code="strategy_name")


class Strategy(models.Model):
    """How alerts of one name become orders."""

    name = models.CharField(
        max_length=255,
        unique=True,
        validators=[check_strategy_name],
        help_text="Exactly as the alert's strategy_name (or signal.strategy_id) says it.",
    )
    description = models.TextField(blank=True)
    execution_mode = models.CharField(
        max_length=16,
        choices=choices(Mode),
        default=Mode.MANUAL,
        help_text="MANUAL: every order waits in the queue for you. "
        "AUTO: orders pass risk and go by themselves.",
    )
    execution_target = models.CharField(
        max_length=16,
        choices=choices(ExecutionTarget),
        default=ExecutionTarget.PAPER,
        help_text="PAPER trades with play money. LIVE sends real orders. "
        "Orders that already wait keep the target that they were made with.",
    )
    connection = models.ForeignKey(
        "brokers.BrokerConnection",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="strategies",
        help_text="The account. Empty: the default account of the target.",
    )
    enabled = models.BooleanField(
        default=True,
        help_text="Off: its alerts still arrive, and wait for a person. Works at once.",
    )
    archived = models.BooleanField(
        default=False, help_text="Out of the lists; its history stays. Never trades by itself."
    )
    default_order_type = models.CharField(
        max_length=16,
        choices=choices(OrderType),
        default=OrderType.MARKET,
        help_text="When the alert does not say. With MARKET a price in the alert is only a "
        "reference; with LIMIT it is the limit.",
    )
    default_product = models.CharField(
        max_length=16,
        choices=choices(Product),
        default=Product.MIS,
        help_text="When the alert does not say: MIS intraday, CNC delivery, NRML derivatives.",
    )
    market_protection = ScaledDecimalField(
        default=Decimal(-1),
        help_text="For live MARKET and SL-M orders: -1 automatic, or a percentage up to 100.",
    )
    off_hours = models.CharField(
        max_length=16,
        choices=choices(OffHours),
        default=OffHours.AMO,
        help_text="A live order while its market is closed: AMO, GTT (limit orders only), "
        "QUEUE for the next session, or REJECT.",
    )
    continuous_futures = models.BooleanField(
        default=False,
        help_text="NIFTY1! trades the nearest future, NIFTY2! the one after it. "
        "Off: such an order waits for a person, who picks the contract.",
    )
    time_to_live_seconds = models.PositiveIntegerField(
        default=60,
        help_text="A live order that could not be sent within so many seconds expires.",
    )
    dedupe_window_seconds = models.PositiveIntegerField(
        default=30,
        help_text="The same alert body again within so many seconds is a duplicate "
        "(alerts without an id of their own).",
    )
    sizing_mode = models.CharField(
        max_length=16,
        choices=choices(SizingMode),
        default=SizingMode.ALERT,
        help_text="ALERT: the alert's quantity. FIXED: always the sizing value, in units. "
        "VALUE: what the sizing value in rupees buys. RISK: what loses the sizing value in rupees "
        "between the alert's price and its stop. All but ALERT in whole lots.",
    )
    sizing_value = ScaledDecimalField(
        null=True, blank=True, help_text="Units for FIXED, rupees for VALUE and RISK."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "strategies"
        ordering = ["name"]
        verbose_name_plural = "strategies"
        indexes = [models.Index(fields=["execution_mode"], name="strategies_mode")]
        constraints = [
            one_of("execution_mode", Mode, "strategies_mode_word"),
            one_of("execution_target", ExecutionTarget, "strategies_target_word"),
            one_of("default_order_type", OrderType, "strategies_order_type_word"),
            one_of("default_product", Product, "strategies_product_word"),
            one_of("off_hours", OffHours, "strategies_off_hours_word"),
            one_of("sizing_mode", SizingMode, "strategies_sizing_word"),
            models.CheckConstraint(
                condition=Q(market_protection=-1)
                | (Q(market_protection__gt=0) & Q(market_protection__lte=100)),
                name="strategies_market_protection",
            ),
            models.CheckConstraint(
                condition=Q(sizing_mode=SizingMode.ALERT) | Q(sizing_value__gt=0),
                name="strategies_sizing_value",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookSecret(models.Model):
    """A secret that alerts must carry: for every strategy, or for one."""

    label = models.CharField(max_length=80, default="main")
    strategy = models.ForeignKey(
        Strategy,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="webhook_secrets",
        help_text="Empty: the common secret. A strategy with its own refuses the common one.",
    )
    secret_encrypted = models.TextField()
    valid_until = models.DateTimeField(
        null=True, blank=True, help_text="Empty: until revoked. Set by a rotation with grace."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "webhook_secrets"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.label} ({self.strategy or 'all strategies'})"
