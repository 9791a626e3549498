"""What the broker holds for us, and what its book showed: to read."""

from django.contrib import admin

from sigmatrader.admin_base import RecordAdmin
from trading.models import BookEntry, Settlement, Trigger
from trading.templatetags.money import ist, price


@admin.register(Trigger)
class TriggerAdmin(RecordAdmin):
    list_display = ("trigger_id", "kind", "status", "connection", "created", "expires")
    list_filter = ("status", "kind", "connection")
    list_select_related = ("connection",)
    search_fields = ("trigger_id",)

    @admin.display(description="created (IST)", ordering="created_at")
    def created(self, trigger: Trigger) -> str:
        return ist(trigger.created_at, "second")

    @admin.display(description="expires (IST)", ordering="expires_at")
    def expires(self, trigger: Trigger) -> str:
        return ist(trigger.expires_at, "second") if trigger.expires_at else "–"


@admin.register(BookEntry)
class BookEntryAdmin(RecordAdmin):
    list_display = ("broker_order_id", "book_day", "status", "order_id", "connection", "updated")
    list_filter = ("status", "connection")
    list_select_related = ("connection",)
    search_fields = ("broker_order_id",)
    date_hierarchy = "book_day"

    @admin.display(description="updated (IST)", ordering="updated_at")
    def updated(self, entry: BookEntry) -> str:
        return ist(entry.updated_at, "second")


@admin.register(Settlement)
class SettlementAdmin(RecordAdmin):
    list_display = ("symbol", "expired_on", "qty", "settled_at", "connection", "stated_by")
    list_filter = ("connection", "product")
    list_select_related = ("connection",)
    search_fields = ("symbol",)
    date_hierarchy = "expired_on"

    @admin.display(description="settled at ₹", ordering="price")
    def settled_at(self, settlement: Settlement) -> str:
        return "not known" if settlement.price is None else price(settlement.price)
