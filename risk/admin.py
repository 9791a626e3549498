"""Risk settings to edit; the trading state and the histories to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

<<<<<<< HEAD
from risk.admin_settings import changes_as_text
from risk.models import RiskSettingsChange, TradingState, TradingStateChange
=======
from risk.engine.rules import plain
from risk.models import (
    SYMBOL_LISTS,
    RiskSettings,
    TradingState,
    TradingStateChange,
    symbol_entries,
)
from risk.models.breaker import Breaker, ProductSchedule, SquareOff


class SymbolListField(forms.CharField):
    """Symbols as text, separated by commas or lines, for a list in the model."""

    widget = forms.Textarea(attrs={"rows": 4, "cols": 60, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return symbol_entries(super().to_python(value))


def _symbol_list(name: str) -> SymbolListField:
    field = cast("Field[Any, Any]", RiskSettings._meta.get_field(name))
    return SymbolListField(
        required=False, label=capfirst(field.verbose_name), help_text=field.help_text
    )


class RiskSettingsForm(forms.ModelForm):
    symbol_whitelist = _symbol_list("symbol_whitelist")
    symbol_blacklist = _symbol_list("symbol_blacklist")

    class Meta:
        model = RiskSettings
        fields = (
            "scope",
            "strategy",
            "max_quantity_per_order",
            "max_order_value",
            "clamp_mode",
            "allow_short_selling",
            *SYMBOL_LISTS,
            "max_open_positions",
            "max_daily_loss",
        )


@admin.register(RiskSettings)
class RiskSettingsAdmin(admin.ModelAdmin):
    form = RiskSettingsForm
    list_display = (
        "label",
        "quantity_limit",
        "value_limit",
        "clamp_mode",
        "allow_short_selling",
        "max_open_positions",
        "symbol_lists",
        "version",
        "updated_at",
    )
    list_display_links = ("label",)
    list_filter = ("scope", "clamp_mode", "allow_short_selling")
    list_select_related = ("strategy",)
    search_fields = ("strategy__name", "symbol_whitelist", "symbol_blacklist")
    readonly_fields = ("version", "created_at", "updated_at")
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
            "Size of one order",
            {"fields": ("max_quantity_per_order", "max_order_value", "clamp_mode")},
        ),
        ("What may be traded", {"fields": ("allow_short_selling", *SYMBOL_LISTS)}),
        ("Over the whole account", {"fields": ("max_open_positions", "max_daily_loss")}),
        ("Record", {"fields": ("version", "created_at", "updated_at")}),
    )

    @admin.display(description="scope", ordering="scope")
    def label(self, row: RiskSettings) -> str:
        return row.label

    @admin.display(description="max quantity (units)", ordering="max_quantity_per_order")
    def quantity_limit(self, row: RiskSettings) -> int | None:
        return row.max_quantity_per_order

    @admin.display(description="max value (₹)", ordering="max_order_value")
    def value_limit(self, row: RiskSettings) -> str | None:
        return None if row.max_order_value is None else plain(row.max_order_value)

    @admin.display(description="symbols (white / black)")
    def symbol_lists(self, row: RiskSettings) -> str:
        return f"{len(row.symbol_whitelist)} / {len(row.symbol_blacklist)}"
>>>>>>> states


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


<<<<<<< HEAD
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
        return changes_as_text(change)
=======
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
>>>>>>> states
