"""Risk settings to edit; the trading state and the histories to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from risk import admin_settings as admin_settings  # it registers its model
from risk.models import (
    Breaker,
    ProductSchedule,
    RiskSettingsChange,
    SquareOff,
    TradingState,
    TradingStateChange,
)
from risk.settings_service import change_text


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that the admin shows and never writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


@admin.register(TradingState)
class TradingStateAdmin(ReadOnlyAdmin):
    list_display = ("label", "state", "reason", "changed_at", "changed_by")
    list_filter = ("state", "scope")
    list_select_related = ("connection", "strategy")


@admin.register(TradingStateChange)
class TradingStateChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "label", "old", "new", "reason", "actor")
    list_filter = ("new", "scope")
    search_fields = ("label", "reason", "actor")
    date_hierarchy = "at"


@admin.register(RiskSettingsChange)
class RiskSettingsChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "label", "version", "what", "reason", "actor", "until")
    list_filter = ("scope", "actor")
    search_fields = ("label", "reason", "actor")
    date_hierarchy = "at"
    list_per_page = 50
    show_full_result_count = False

    @admin.display(description="what")
    def what(self, change: RiskSettingsChange) -> str:
        return change_text(change)


@admin.register(Breaker)
class BreakerAdmin(ReadOnlyAdmin):
    list_display = ("since", "code", "connection", "strategy", "reason", "closed_at", "closed_by")
    list_filter = ("code", "connection")
    list_select_related = ("connection", "strategy")
    date_hierarchy = "since"


@admin.register(SquareOff)
class SquareOffAdmin(ReadOnlyAdmin):
    list_display = (
        "started_at",
        "scope",
        "connection",
        "strategy",
        "product",
        "started_by",
        "finished_at",
        "outcome",
    )
    list_filter = ("scope", "product")
    list_select_related = ("connection", "strategy")
    date_hierarchy = "started_at"


@admin.register(ProductSchedule)
class ProductScheduleAdmin(admin.ModelAdmin):
    list_display = ("product", "enabled", "no_new_entries_at", "square_off_at")
    fieldsets = (
        (
            None,
            {
                "fields": ("product", "enabled", "no_new_entries_at", "square_off_at"),
                "description": "By the clock of India, on trading days, for every account. The "
                "square-off cancels working orders of the product and closes its positions.",
            },
        ),
    )
