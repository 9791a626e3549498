"""Strategies to edit; alerts, orders and what became of them to read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework.authtoken.models import TokenProxy

from risk import settings_service
from sigmatrader.admin_base import RecordAdmin
from sigmatrader.admin_labels import list_form, name_parts
from sigmatrader.db import write_transaction
from trading import (  # noqa: F401 – they register their models
    admin_books,
    admin_calendar,
    admin_charges,
    admin_instruments,
    admin_notices,
)
from trading.admin_examples import STRATEGY_EXAMPLES, ExamplesMixin
from trading.domain.off_hours import misfit
from trading.domain.values import OffHours, OrderType, Product
from trading.models import (
    Alert,
    ClosedTrade,
    Fill,
    Order,
    OrderAttempt,
    OrderEvent,
    Position,
    Strategy,
    WebhookSecret,
    WorkerHeartbeat,
)
from trading.services import stopped_strategies, webhook_secrets
from trading.templatetags.money import ist, pnl, price, qty

# A list of REST tokens in clear helps nobody but a thief: manage.py drf_create_token makes them.
admin.site.unregister(TokenProxy)


class StrategyRowForm(forms.ModelForm):
    """A strategy of the list, or the part of its page that a stopped one is held by."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if stored := Strategy.objects.filter(pk=self.instance.pk).first():
            errors = stopped_strategies.why_not_changed(
                stored, name=given.get("name"), mode=given.get("execution_mode")
            )
            for name, texts in errors.items():
                self.add_error(name, texts)
        return given


class StrategyForm(StrategyRowForm):
    def clean(self) -> dict[str, Any]:
        given = super().clean()
        off_hours, product = given.get("off_hours"), given.get("default_product")
        if off_hours and product and (wrong := misfit(OffHours(off_hours), Product(product))):
            self.add_error("off_hours", wrong)
        return given


@admin.register(Strategy)
class StrategyAdmin(ExamplesMixin, admin.ModelAdmin):
    form = StrategyForm
    examples = STRATEGY_EXAMPLES
    list_display = (
        "name",
        "execution_mode",
        "execution_target",
        "enabled",
        "account",
        "default_order_type",
        "default_product",
        "archived",
        "updated_at",
    )
    list_editable = ("execution_mode", "enabled")
    list_filter = ("execution_mode", "execution_target", "enabled", "archived")
    list_select_related = ("connection",)
    search_fields = ("name", "description")
    readonly_fields = ("created_at", "updated_at")
    save_on_top = True
    fieldsets = (
        (None, {"fields": ("name", "description")}),
        (
            "Who decides, and with whose money",
            {
                "fields": (
                    "execution_mode",
                    "execution_target",
                    "connection",
                    "enabled",
                    "archived",
                )
            },
        ),
        (
            "What an alert doesn't say",
            {
                "fields": (
                    "default_order_type",
                    "default_product",
                    "continuous_futures",
                    "sizing_mode",
                    "sizing_value",
                    "market_protection",
                )
            },
        ),
        (
            "Time",
            {"fields": ("time_to_live_seconds", "off_hours", "dedupe_window_seconds")},
        ),
        ("Record", {"fields": ("created_at", "updated_at")}),
    )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[forms.ModelForm]:
        with_own = {"form": StrategyRowForm, **kwargs}
        return list_form(super().get_changelist_form(request, **with_own))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """With the strategies that are stopped among what must not be deleted."""
        shown, counts, lacking, protected = super().get_deleted_objects(objs, request)
        stopped = [text for one in objs if (text := stopped_strategies.why_not_deleted(one))]
        if protected or stopped:
            # Records lack a right of their own to be deleted, which would hide the true reason.
            return shown, counts, set(), [*protected, *stopped]
        return shown, counts, lacking, protected

    def delete_model(self, request: HttpRequest, obj: Strategy) -> None:
        """Its limits go first, so that their history says so."""
        with write_transaction():
            reason = f"The strategy {obj.name} was deleted."
            actor = request.user.get_username()
            settings_service.delete_settings_of(obj.pk, actor=actor, reason=reason)
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Strategy]) -> None:
        for strategy in queryset:
            self.delete_model(request, strategy)

    @admin.display(description="account", ordering="connection__name")
    def account(self, strategy: Strategy) -> str:
        return strategy.connection.name if strategy.connection else "the default"


@admin.register(WebhookSecret)
class WebhookSecretAdmin(admin.ModelAdmin):
    """Which secrets there are. Their values are never shown here."""

    list_display = ("label", "opens", "valid_until", "created_at")
    list_select_related = ("strategy",)
    fields = ("label", "strategy", "valid_until", "created_at")

    def formfield_for_dbfield(self, *args: Any, **kwargs: Any) -> forms.Field | None:
        field = super().formfield_for_dbfield(*args, **kwargs)
        name_parts(field)
        return field

    def get_readonly_fields(
        self, request: HttpRequest, obj: WebhookSecret | None = None
    ) -> tuple[str, ...]:
        return ("created_at",) if obj is None else ("strategy", "created_at")

    def save_model(self, request: HttpRequest, obj: WebhookSecret, form: Any, change: bool) -> None:
        """A new secret is random; the settings page shows it on demand."""
        if change:
            super().save_model(request, obj, form, change)
            return
        webhook_secrets.create(strategy=obj.strategy, label=obj.label, valid_until=obj.valid_until)
        obj.pk = WebhookSecret.objects.filter(strategy=obj.strategy).latest("pk").pk

    @admin.display(description="opens", ordering="strategy__name")
    def opens(self, secret: WebhookSecret) -> str:
        return secret.strategy.name if secret.strategy else "every strategy without its own"


class _RecordInline(admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class EventInline(_RecordInline):
    model = OrderEvent
    fields = ("sequence", "at", "from_status", "to_status", "actor", "reason", "data")


class AttemptInline(_RecordInline):
    model = OrderAttempt
    fields = ("number", "tag", "variety", "claimed_at", "closed_at", "outcome", "message")


class FillInline(_RecordInline):
    model = Fill
    fields = ("trade_id", "side", "qty", "price", "at")


@admin.register(Order)
class OrderAdmin(RecordAdmin):
    list_display = (
        "number",
        "created",
        "what",
        "shown_price",
        "status",
        "money",
        "strategy",
        "page",
    )
    list_display_links = ("number",)
    list_filter = ("status", "side", "mode", "simulated", "product", "strategy", "connection")
    list_select_related = ("strategy", "connection")
    search_fields = ("symbol", "client_order_id", "broker_order_id", "error_message")
    date_hierarchy = "created_at"
    inlines = (EventInline, AttemptInline, FillInline)

    @admin.display(description="order", ordering="pk")
    def number(self, order: Order) -> str:
        return f"#{order.pk}"

    @admin.display(description="created (IST)", ordering="created_at")
    def created(self, order: Order) -> str:
        return ist(order.created_at, "second")

    @admin.display(description="what", ordering="symbol")
    def what(self, order: Order) -> str:
        units = "(no quantity)" if order.needs_quantity else qty(order.qty)
        return f"{order.side} {units} {order.symbol}"

    @admin.display(description="money", ordering="connection__kind")
    def money(self, order: Order) -> str:
        return order.connection.kind

    @admin.display(description="price ₹", ordering="price")
    def shown_price(self, order: Order) -> str:
        """With MARKET the price is only what the alert saw."""
        return price(order.price) if OrderType(order.order_type).needs_price else "market"

    @admin.display(description="page")
    def page(self, order: Order) -> SafeString:
        return format_html('<a href="{}">timeline</a>', reverse("order", args=[order.pk]))


@admin.register(Alert)
class AlertAdmin(RecordAdmin):
    list_display = (
        "pk",
        "received",
        "strategy_name",
        "what",
        "shown_price",
        "outcome",
        "code",
        "duplicate_count",
        "repaired",
    )
    list_filter = ("outcome", "code", "action", "repaired", "platform")
    search_fields = ("symbol", "strategy_name", "code", "raw_body")
    date_hierarchy = "received_at"
    exclude = ("dedupe_key", "body_digest")

    @admin.display(description="received (IST)", ordering="received_at")
    def received(self, alert: Alert) -> str:
        return ist(alert.received_at, "second")

    @admin.display(description="what", ordering="symbol")
    def what(self, alert: Alert) -> str:
        return f"{alert.action} {qty(alert.qty)} {alert.symbol}".strip()

    @admin.display(description="price ₹", ordering="price")
    def shown_price(self, alert: Alert) -> str:
        return price(alert.price)


@admin.register(OrderEvent)
class OrderEventAdmin(RecordAdmin):
    list_display = ("when", "order_id", "sequence", "from_status", "to_status", "actor", "reason")
    list_filter = ("to_status",)
    search_fields = ("order__symbol", "order__client_order_id", "actor", "reason")
    date_hierarchy = "at"

    @admin.display(description="at (IST)", ordering="at")
    def when(self, event: OrderEvent) -> str:
        return ist(event.at, "exact")


@admin.register(OrderAttempt)
class OrderAttemptAdmin(RecordAdmin):
    list_display = ("tag", "order_id", "number", "begun", "outcome", "broker_order_id", "message")
    list_filter = ("outcome", "variety")
    search_fields = ("tag", "broker_order_id", "order__symbol")
    exclude = ("lease_token",)

    @admin.display(description="begun (IST)", ordering="claimed_at")
    def begun(self, attempt: OrderAttempt) -> str:
        return ist(attempt.claimed_at, "exact")


@admin.register(Fill)
class FillAdmin(RecordAdmin):
    list_display = ("when", "order_id", "side", "qty", "symbol", "shown_price", "trade_id")
    list_filter = ("side", "product", "connection")
    search_fields = ("symbol", "trade_id", "order__client_order_id")
    date_hierarchy = "at"

    @admin.display(description="at (IST)", ordering="at")
    def when(self, fill: Fill) -> str:
        return ist(fill.at, "exact")

    @admin.display(description="price ₹", ordering="price")
    def shown_price(self, fill: Fill) -> str:
        return price(fill.price)


@admin.register(Position)
class PositionAdmin(RecordAdmin):
    list_display = ("symbol", "exchange", "product", "connection", "qty", "shown_pnl", "updated")
    list_filter = ("connection", "product", "exchange")
    list_select_related = ("connection",)
    search_fields = ("symbol",)

    @admin.display(description="P&L", ordering="pnl")
    def shown_pnl(self, position: Position) -> str:
        return pnl(position.pnl)

    @admin.display(description="updated (IST)", ordering="last_updated")
    def updated(self, position: Position) -> str:
        return ist(position.last_updated, "second")


@admin.register(ClosedTrade)
class ClosedTradeAdmin(RecordAdmin):
    list_display = ("closed", "symbol", "side", "qty", "shown_pnl", "strategy", "simulated")
    list_filter = ("simulated", "strategy", "product")
    list_select_related = ("strategy",)
    search_fields = ("symbol",)
    date_hierarchy = "closed_at"

    @admin.display(description="closed (IST)", ordering="closed_at")
    def closed(self, trade: ClosedTrade) -> str:
        return ist(trade.closed_at, "second")

    @admin.display(description="P&L", ordering="pnl")
    def shown_pnl(self, trade: ClosedTrade) -> str:
        return pnl(trade.pnl)


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(RecordAdmin):
    list_display = ("worker_id", "host", "pid", "started_at", "beat_at", "stopped_at")
