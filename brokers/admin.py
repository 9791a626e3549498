"""Connections and paper accounts for the admin; the paper book and the prices to look at."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from brokers.accounts import session_of
from brokers.connections import settle
from brokers.models import (
    BrokerConnection,
    BrokerName,
    PaperAccount,
    PaperOrder,
    PaperPosition,
    PaperTrade,
    PriceTick,
)
from sigmatrader import clock
from sigmatrader.admin_base import RecordAdmin

_LIMITS = ("orders_per_second", "orders_per_minute", "orders_per_day")
_ABOUT_CREDENTIALS = (
    "For Zerodha: from the app's page at developers.kite.trade. Paper needs none. "
    "Log in on the settings page, once a day."
)
_NEW = (None, {"fields": ("name", "broker_name", "enabled")})
_KNOWN = (None, {"fields": ("name", "broker_name", "kind", "enabled", "is_default")})
_NEW_CREDENTIALS = (
    "Broker's credentials",
    {"fields": ("api_key", "api_secret", "api_root"), "description": _ABOUT_CREDENTIALS},
)
_CREDENTIALS = (
    "Broker's credentials",
    {
        "fields": ("api_key", "api_secret", "secret_is_stored", "api_root"),
        "description": _ABOUT_CREDENTIALS,
    },
)
_SESSION = (
    "Session",
    {
        "fields": (
            "status",
            "user_id",
            "user_name",
            "logged_in_at",
            "token_expires_at",
            "last_error",
        )
    },
)
_LIMITED = (
    "Limits",
    {
        "fields": _LIMITS,
        "description": "Zerodha takes 10 a second, 400 a minute and 5,000 a day from all your "
        "programs together. A new Zerodha connection gets 8, 300 and 4,000.",
    },
)


class ConnectionForm(forms.ModelForm):
    """The connection with a field for a new secret; the stored one is never sent to a page."""

    api_secret = forms.CharField(
        label="API secret",
        required=False,
        max_length=256,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown again. Empty: the stored one stays.",
    )

    class Meta:
        model = BrokerConnection
        fields = (
            "name",
            "broker_name",
            "enabled",
            "api_key",
            "api_secret",
            "api_root",
            "orders_per_second",
            "orders_per_minute",
            "orders_per_day",
        )

    def clean(self) -> dict[str, Any]:
        """A new Zerodha connection gets its API root, its kind and its limits here."""
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk is None and cleaned.get("broker_name") == BrokerName.ZERODHA:
            self.instance.api_root = cleaned.get("api_root") or ""
            for name in _LIMITS:
                setattr(self.instance, name, cleaned.get(name))
            settle(self.instance)
            cleaned |= {name: getattr(self.instance, name) for name in ("api_root", *_LIMITS)}
        return cleaned

    def save(self, commit: bool = True) -> Any:
        if secret := self.cleaned_data["api_secret"]:
            self.instance.api_secret = secret
        if self.instance.pk is not None and "api_key" in self.changed_data:
            # The session was the other app's.
            self.instance.access_token = ""
            self.instance.token_expires_at = None
        return super().save(commit)


class PaperAccountInline(admin.StackedInline):
    model = PaperAccount
    can_delete = False
    verbose_name_plural = "Paper account: the play money, and how orders are filled"


@admin.register(BrokerConnection)
class ConnectionAdmin(admin.ModelAdmin):
    form = ConnectionForm
    list_display = ("name", "broker_name", "kind", "is_default", "enabled", "user_id", "status")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "user_id", "user_name")
    actions = ("make_default",)

    def get_fieldsets(self, request: HttpRequest, obj: BrokerConnection | None = None) -> Any:
        """A new connection has no session yet, and its kind follows from what is entered."""
        if obj is None:
            return (_NEW, _NEW_CREDENTIALS, _LIMITED)
        return (_KNOWN, _CREDENTIALS, _SESSION, _LIMITED)

    def get_readonly_fields(
        self, request: HttpRequest, obj: BrokerConnection | None = None
    ) -> tuple[str, ...]:
        """What an account is cannot change under the orders that were made for it."""
        always = (
            "kind",
            "is_default",
            "secret_is_stored",
            "status",
            "user_id",
            "user_name",
            "logged_in_at",
            "token_expires_at",
            "last_error",
        )
        return always if obj is None else (*always, "broker_name", "api_root")

    def get_inlines(
        self, request: HttpRequest, obj: BrokerConnection | None
    ) -> "list[type[InlineModelAdmin[Any, Any]]]":
        paper = obj is not None and obj.broker_name == BrokerName.PAPER
        return [PaperAccountInline] if paper else []

    @admin.display(boolean=True, description="secret is stored")
    def secret_is_stored(self, connection: BrokerConnection) -> bool:
        return bool(connection.api_secret_encrypted)

    @admin.display(description="status")
    def status(self, connection: BrokerConnection) -> str:
        """Whether it could take an order now, and until when."""
        session = session_of(connection)
        if not session.connected:
            return session.error
        until = session.expires_at
        return f"connected until {until.astimezone(clock.IST):%d %b, %H:%M}" if until else "ready"

    @admin.action(description="Make default", permissions=["change"])
    def make_default(self, request: HttpRequest, chosen: QuerySet[BrokerConnection]) -> None:
        if chosen.count() != 1:
            self.message_user(request, "Choose exactly one connection.", messages.ERROR)
            return
        connection = chosen.get()
        if not connection.enabled:
            self.message_user(
                request, f"{connection} is switched off: switch it on first.", messages.ERROR
            )
            return
        connection.make_default()
        self.log_change(request, connection, "Made the default connection.")
        self.message_user(request, f"{connection} is the default connection now.")


@admin.register(PaperOrder)
class PaperOrderAdmin(RecordAdmin):
    list_display = (
        "__str__",
        "exchange",
        "tradingsymbol",
        "order_type",
        "product",
        "filled_quantity",
        "price",
        "trigger_price",
        "message",
        "placed_at",
    )
    list_filter = ("status", "order_type", "product", "account__connection")
    search_fields = ("order_id", "trigger_id", "tag", "tradingsymbol")


@admin.register(PaperTrade)
class PaperTradeAdmin(RecordAdmin):
    list_display = ("trade_id", "instrument", "side", "quantity", "price", "at")
    list_select_related = ("order",)
    search_fields = ("trade_id", "order__tradingsymbol")

    @admin.display(ordering="order__tradingsymbol")
    def instrument(self, trade: PaperTrade) -> str:
        return f"{trade.order.exchange}:{trade.order.tradingsymbol}"

    @admin.display(ordering="order__side")
    def side(self, trade: PaperTrade) -> str:
        return trade.order.side


@admin.register(PaperPosition)
class PaperPositionAdmin(RecordAdmin):
    list_display = ("__str__", "account", "quantity", "multiplier")
    list_filter = ("account__connection", "product")
    list_select_related = ("account__connection",)
    search_fields = ("tradingsymbol",)


@admin.register(PriceTick)
class PriceTickAdmin(RecordAdmin):
    list_display = ("__str__", "exchange", "tradingsymbol", "price", "source", "at")
    list_filter = ("source", "exchange")
    search_fields = ("tradingsymbol",)
