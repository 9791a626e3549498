"""Limits in the admin: edit with a reason, read their history."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from risk import settings_service
from risk.admin_forms import RiskSettingsForm
from risk.admin_pages import LimitPages, actor_of, ist
from risk.models import SYMBOL_LISTS, RiskSettings
from risk.settings_service import change_text
from risk.settings_values import baseline, from_stored, label_of, text_of
from sigmatrader.db import write_transaction
from trading.domain.values import RiskScope

_RECENT = 10


@admin.register(RiskSettings)
class RiskSettingsAdmin(LimitPages):
    form = RiskSettingsForm
    list_display = (
        "label",
        "quantity_limit",
        "value_limit",
        "loss_limit",
        "clamp_mode",
        "max_open_positions",
        "symbol_lists",
        "version",
        "ends",
        "updated_at",
    )
    list_display_links = ("label",)
    list_filter = ("scope", "clamp_mode", "allow_short_selling")
    list_select_related = ("strategy",)
    search_fields = ("strategy__name", "symbol_whitelist", "symbol_blacklist")
    save_on_top = True
    fieldsets = (
        (
            "Whose orders",
            {
                "fields": ("scope", "strategy"),
                "description": "An order meets the GLOBAL limits first, then its strategy's. "
                "What is sent is inside both. Limits hold for each account by itself.",
            },
        ),
        (
            "This change",
            {"fields": ("temporary", "reason", "until")},
        ),
        (
            "One order",
            {
                "fields": (
                    "max_quantity_per_order",
                    "max_order_value",
                    "clamp_mode",
                    "approval_threshold",
                )
            },
        ),
        (
            "Its price",
            {
                "fields": (
                    "price_collar",
                    "price_collar_options",
                    "stale_reference",
                    "stale_alert",
                )
            },
        ),
        (
            "What may be traded",
            {"fields": ("allow_short_selling", "naked_option_sell", *SYMBOL_LISTS)},
        ),
        (
            "Over the whole account",
            {
                "fields": (
                    "max_daily_loss",
                    "max_open_positions",
                    "max_position_quantity",
                    "max_position_value",
                    "max_gross_exposure",
                    "max_net_exposure",
                    "max_working_orders",
                    "max_working_value",
                    "insufficient_margin",
                )
            },
        ),
        (
            "How often",
            {
                "fields": (
                    "max_orders_per_day",
                    "max_trades_per_day",
                    "consecutive_losses",
                    "duplicate_order",
                    "repeated_execution",
                    "repeated_execution_minutes",
                    "self_match",
                )
            },
        ),
        (
            "A strategy",
            {
                "fields": ("strategy_budget", "pyramiding", "cool_down", "no_trade_windows"),
                "description": "In GLOBAL settings they hold for each strategy by itself.",
            },
        ),
        (
            "The market and this machine",
            {
                "fields": (
                    "mis_cutoff",
                    "circuit_breaker",
                    "circuit_breaker_unknown",
                    "circuit_breaker_reducing",
                    "clock_skew",
                    "clock_skew_warn",
                )
            },
        ),
        ("Record", {"fields": ("recent_changes", "version", "created_at", "updated_at")}),
    )

    def get_readonly_fields(
        self, request: HttpRequest, obj: RiskSettings | None = None
    ) -> tuple[str, ...]:
        """Settings stay with their scope."""
        always = ("temporary", "recent_changes", "version", "created_at", "updated_at")
        return always if obj is None else ("scope", "strategy", *always)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new row's form shows what its scope begins with."""
        given: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        missing = not RiskSettings.objects.filter(scope=RiskScope.GLOBAL).exists()
        scope = given.setdefault("scope", RiskScope.GLOBAL if missing else RiskScope.STRATEGY)
        return baseline(scope) | given

    # -- writing -------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: RiskSettings, form: Any, change: bool) -> None:
        stored = settings_service.change_settings(
            RiskSettings.objects.get(pk=obj.pk)
            if change
            else settings_service.begin(obj.scope, obj.strategy_id),
            form.changed_settings,
            actor=actor_of(request),
            reason=form.cleaned_data["reason"],
            until=form.cleaned_data["until"],
        )
        obj.pk = stored.pk
        obj._state.adding = False
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: RiskSettings) -> None:
        settings_service.delete_settings(
            obj, actor=actor_of(request), reason="Removed in the admin."
        )

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RiskSettings]) -> None:
        with write_transaction():
            for row in queryset:
                self.delete_model(request, row)

    # -- shown ---------------------------------------------------------------------------------

    @admin.display(description="scope", ordering="scope")
    def label(self, row: RiskSettings) -> str:
        return row.label

    @admin.display(description="max quantity (units)", ordering="max_quantity_per_order")
    def quantity_limit(self, row: RiskSettings) -> int | None:
        return row.max_quantity_per_order

    @admin.display(description="max value", ordering="max_order_value")
    def value_limit(self, row: RiskSettings) -> str | None:
        return _limit(row, "max_order_value")

    @admin.display(description="max daily loss", ordering="max_daily_loss")
    def loss_limit(self, row: RiskSettings) -> str | None:
        return _limit(row, "max_daily_loss")

    @admin.display(description="symbols (white / black)")
    def symbol_lists(self, row: RiskSettings) -> str:
        return f"{len(row.symbol_whitelist)} / {len(row.symbol_blacklist)}"

    @admin.display(description="temporary until (IST)", ordering="reverts_at")
    def ends(self, row: RiskSettings) -> str | None:
        return None if row.reverts_at is None else ist(row.reverts_at)

    @admin.display(description="temporary now")
    def temporary(self, row: RiskSettings) -> str:
        if row.reverts_at is None:
            return "nothing"
        values = "; ".join(
            f"{label_of(name)}: {text_of(name, value)}"
            for name, value in from_stored(row.reverts_to).items()
        )
        return f"At {ist(row.reverts_at)} IST comes back: {values}"

    @admin.display(description="last changes")
    def recent_changes(self, row: RiskSettings) -> SafeString | str:
        if row._state.adding:
            return "none yet"
        shown = format_html_join(
            "",
            "<li>{} by {}, version {}: {}{}</li>",
            (
                (
                    ist(change.at),
                    change.actor,
                    change.version,
                    change_text(change),
                    f" – {change.reason}" if change.reason else "",
                )
                for change in settings_service.history_of(row)[:_RECENT]
            ),
        )
        address = reverse("admin:risk_risksettingschange_changelist")
        query = urlencode({"label": row.label})
        return format_html('<ul>{}</ul><a href="{}?{}">every change</a>', shown, address, query)


def _limit(row: RiskSettings, name: str) -> str | None:
    value = getattr(row, name)
    return None if value is None else text_of(name, value)
