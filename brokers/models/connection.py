"""Accounts at brokers."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from sigmatrader import clock, crypto
from sigmatrader.conf import KITE_API_ROOT, is_loopback
from sigmatrader.db import write_transaction


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
    logged_in_at = models.DateTimeField(null=True, blank=True, editable=False)
    profile = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What the broker says of its user."
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
            models.UniqueConstraint(
                fields=["broker_name", "kind", "user_id"],
                condition=Q(broker_name=BrokerName.ZERODHA) & ~Q(user_id=""),
                name="broker_connections_one_per_user",
                violation_error_message="Another connection is logged in as this broker user.",
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
        root = self.api_root.rstrip("/")
        if self.kind == ConnectionKind.SIMULATOR and not is_loopback(root):
            raise ValidationError(
                {"api_root": "The simulator runs on this machine: http://127.0.0.1:PORT."}
            )
        allowed = root in ("", KITE_API_ROOT, settings.ST.ZERODHA_API_ROOT)
        if self.kind != ConnectionKind.SIMULATOR and (not allowed or is_loopback(root)):
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
