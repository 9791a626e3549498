"""What a broker last told about an account, and what pages ask the worker to find out."""

from decimal import Decimal

from django.db import models

from brokers.models.connection import BrokerConnection
from sigmatrader import clock
from sigmatrader.choices import choices, one_of
from sigmatrader.fields import ScaledDecimalField
from trading.domain.values import Product


class AccountState(models.Model):
    """When each part of an account was last read, and what went wrong.

    `follower`: the worker that reads the account until `follower_until`; one at a time does.
    """

    connection = models.OneToOneField(
        BrokerConnection, on_delete=models.CASCADE, related_name="state"
    )
    follower = models.CharField(max_length=120, blank=True)
    follower_until = models.DateTimeField(null=True, blank=True)
    book_read_at = models.DateTimeField(null=True, blank=True)
    book_error = models.TextField(blank=True, help_text="Empty when the last read went well.")
    book_failures = models.PositiveIntegerField(default=0, help_text="Failed reads in a row.")
    positions_read_at = models.DateTimeField(null=True, blank=True)
    holdings_read_at = models.DateTimeField(null=True, blank=True)
    funds_read_at = models.DateTimeField(null=True, blank=True)
    available = ScaledDecimalField(null=True, blank=True, help_text="Rupees for new orders.")
    used = ScaledDecimalField(null=True, blank=True)
    net = ScaledDecimalField(null=True, blank=True)
    funds = models.JSONField(default=dict, blank=True, help_text="The broker's own numbers.")
    has_market_data = models.BooleanField(
        null=True, help_text="Whether the plan gives live prices. Empty: not known yet."
    )
    clock_skew = ScaledDecimalField(
        null=True, blank=True, help_text="Seconds: our clock less the broker's, as last seen."
    )
    clock_skew_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "account_states"

    def __str__(self) -> str:
        return f"state of {self.connection}"


class AccountPosition(models.Model):
    """A net position as the broker last showed it. The whole set is replaced with each read."""

    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.CASCADE, related_name="broker_positions"
    )
    exchange = models.CharField(max_length=64)
    tradingsymbol = models.CharField(max_length=128)
    product = models.CharField(max_length=16, choices=choices(Product))
    quantity = models.BigIntegerField(help_text="Signed: negative is short.")
    average_price = ScaledDecimalField()
    last_price = ScaledDecimalField(null=True, blank=True)
    multiplier = ScaledDecimalField(default=Decimal(1))
    realised = ScaledDecimalField(default=Decimal(0))
    unrealised = ScaledDecimalField(default=Decimal(0))
    day_pnl = ScaledDecimalField(null=True, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        db_table = "account_positions"
        ordering = ["exchange", "tradingsymbol", "product"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "exchange", "tradingsymbol", "product"],
                name="account_positions_once",
            ),
            one_of("product", Product, "account_positions_product_word"),
        ]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol} {self.product} {self.quantity}"


class AccountHolding(models.Model):
    """Delivered shares as the broker last showed them; replaced as a whole with each read."""

    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.CASCADE, related_name="holdings"
    )
    exchange = models.CharField(max_length=64)
    tradingsymbol = models.CharField(max_length=128)
    quantity = models.BigIntegerField()
    t1_quantity = models.BigIntegerField(default=0, help_text="Bought, not settled yet.")
    used_quantity = models.BigIntegerField(default=0, help_text="Sold today.")
    average_price = ScaledDecimalField()
    last_price = ScaledDecimalField(null=True, blank=True)
    pnl = ScaledDecimalField(null=True, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        db_table = "account_holdings"
        ordering = ["exchange", "tradingsymbol"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "exchange", "tradingsymbol"], name="account_holdings_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol} {self.quantity}+{self.t1_quantity}"

    @property
    def sellable(self) -> int:
        """Units that can be sold today."""
        return max(self.quantity + self.t1_quantity - self.used_quantity, 0)


class QuestionKind(models.TextChoices):
    """What a page may ask the worker to find out at the broker. Never an order."""

    PROFILE = "PROFILE", "session"
    SYNC_ORDERS = "SYNC_ORDERS", "order book"
    SYNC_POSITIONS = "SYNC_POSITIONS", "positions, holdings and funds"
    FUNDS = "FUNDS", "funds"
    ORDER_COST = "ORDER_COST", "cost of an order"
    INSTRUMENTS = "INSTRUMENTS", "instrument list"


class BrokerQuestion(models.Model):
    """A read that a page or the API wants of a broker, done by the worker.

    `answer` and `error` are set with `answered_at`; `code` classes the error.
    """

    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.CASCADE, related_name="questions"
    )
    kind = models.CharField(max_length=16, choices=QuestionKind.choices)
    params = models.JSONField(default=dict, blank=True)
    asked_by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField(default=clock.now)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    code = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "broker_questions"
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["connection", "id"],
                condition=models.Q(answered_at__isnull=True),
                name="broker_questions_open",
            ),
            models.Index(fields=["asked_at"], name="broker_questions_asked"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.connection_id}"


class LoginAttempt(models.Model):
    """A login that was begun: its state is good once, for one browser session and account."""

    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.CASCADE, related_name="login_attempts"
    )
    nonce_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64, help_text="Of the browser session.")
    begun_by = models.CharField(max_length=150)
    begun_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "login_attempts"
        ordering = ["-id"]
        indexes = [models.Index(fields=["expires_at"], name="login_attempts_expiry")]

    def __str__(self) -> str:
        return f"login to {self.connection_id} begun by {self.begun_by}"
