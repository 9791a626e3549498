"""Risk settings to edit; the trading state and the histories to read."""

from __future__ import annotations

from django.contrib import admin

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
from sigmatrader.admin_base import RecordAdmin


@admin.register(TradingState)
class TradingStateAdmin(RecordAdmin):
    list_display = ("label", "state", "reason", "changed_at", "changed_by")
    list_filter = ("state", "scope")
    list_select_related = ("connection", "strategy")


@admin.register(TradingStateChange)
class TradingStateChangeAdmin(RecordAdmin):
    list_display = ("at", "label", "old", "new", "reason", "actor")
    list_filter = ("new", "scope")
    search_fields = ("label", "reason", "actor")
    date_hierarchy = "at"


@admin.register(RiskSettingsChange)
class RiskSettingsChangeAdmin(RecordAdmin):
    list_display = ("at", "label", "version", "what", "reason", "actor", "until")
    list_filter = ("scope", "actor")
    search_fields = ("label", "reason", "actor")
    date_hierarchy = "at"

    @admin.display(description="what")
    def what(self, change: RiskSettingsChange) -> str:
        return change_text(change)


@admin.register(Breaker)
class BreakerAdmin(RecordAdmin):
    list_display = ("since", "code", "connection", "strategy", "reason", "closed_at", "closed_by")
    list_filter = ("code", "connection")
    list_select_related = ("connection", "strategy")
    date_hierarchy = "since"


@admin.register(SquareOff)
class SquareOffAdmin(RecordAdmin):
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
