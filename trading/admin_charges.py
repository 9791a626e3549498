"""The schedule of charges: rates to edit, and what is worked out by them made anew."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from sigmatrader.admin_base import RecordAdmin
from trading.analytics import request_rebuild
from trading.domain.charges import ChargeSegment
from trading.models import ChargeRate, ChargesRead, OrderCharges
from trading.templatetags.money import price


@admin.register(ChargeRate)
class ChargeRateAdmin(admin.ModelAdmin):
    """One row for each segment and exchange, and for each day from which other rates hold."""

    list_display = ("segment", "exchange", "valid_from", "brokerage", "tax", "fees", "stamp")
    list_filter = ("segment", "exchange", "valid_from")
    ordering = ("segment", "exchange", "-valid_from")
    list_per_page = 50
    fieldsets = (
        (
            None,
            {
                "fields": ("segment", "exchange", "valid_from", "source"),
                "description": "When rates change, add a row from that day on and leave the old "
                "one: trades before it keep what they cost. Every change works out all charges "
                "again.",
            },
        ),
        ("Broker", {"fields": ("brokerage_percent", "brokerage_cap")}),
        ("Taxes", {"fields": ("tax_buy", "tax_sell", "stamp_buy", "gst")}),
        ("Exchange and depository", {"fields": ("transaction", "sebi", "depository")}),
    )

    @admin.display(description="brokerage")
    def brokerage(self, row: ChargeRate) -> str:
        if row.brokerage_percent is None:
            return f"₹{price(row.brokerage_cap)} an order"
        if not row.brokerage_percent:
            return "none"
        return f"{_plain(row.brokerage_percent)} %, at most ₹{price(row.brokerage_cap)}"

    @admin.display(description="STT or CTT, buying and selling")
    def tax(self, row: ChargeRate) -> str:
        return f"{_plain(row.tax_buy)} % and {_plain(row.tax_sell)} %"

    @admin.display(description="exchange")
    def fees(self, row: ChargeRate) -> str:
        return f"{_plain(row.transaction)} %"

    @admin.display(description="stamp duty")
    def stamp(self, row: ChargeRate) -> str:
        return f"{_plain(row.stamp_buy)} %"

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _again(request)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        super().delete_model(request, obj)
        _again(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        _again(request)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Says which segments would be left without any rates, and so without charges."""
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        left = ChargeRate.objects.exclude(pk__in=[one.pk for one in objs])
        kept = set(left.values_list("segment", "exchange"))
        bare = {(one.segment, one.exchange) for one in objs} - kept
        notes = [
            f"{ChargeSegment(segment)} at {exchange} is left without rates: its trades would "
            "cost nothing."
            for segment, exchange in sorted(bare)
        ]
        return [*found, *notes], counts, missing, protected


def _again(request: HttpRequest) -> None:
    request_rebuild(request.user.get_username())
    messages.info(request, "The worker works out the charges of all trades again.")


def _plain(percent: Any) -> str:
    return format(percent.normalize(), "f") if percent else "0"


@admin.register(OrderCharges)
class OrderChargesAdmin(RecordAdmin):
    list_display = ("order", "quantity", "price", "told", "told_at", "error")
    list_filter = ("order__connection",)
    list_select_related = ("order",)
    search_fields = ("order__tradingsymbol",)
    date_hierarchy = "told_at"

    @admin.display(description="charges ₹", ordering="total")
    def told(self, row: OrderCharges) -> str:
        return "not told" if row.total is None else price(row.total)


@admin.register(ChargesRead)
class ChargesReadAdmin(RecordAdmin):
    list_display = ("day", "connection", "orders", "told", "finished_at", "error")
    list_filter = ("connection",)
    list_select_related = ("connection",)
    date_hierarchy = "day"
