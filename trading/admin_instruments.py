"""The instrument list to read; what it doesn't say to edit."""

from typing import Any

from django import forms
from django.contrib import admin

from sigmatrader.admin_base import RecordAdmin
from trading.models import ContractRule, Instrument, InstrumentLoad, SymbolOverride
from trading.services.instrument_search import search
from trading.services.instruments import listed, no_list
from trading.templatetags.money import ist, price, qty
from trading.widgets import SymbolInput


@admin.register(Instrument)
class InstrumentAdmin(RecordAdmin):
    list_display = (
        "tradingsymbol",
        "exchange",
        "name",
        "instrument_type",
        "lot_size",
        "shown_tick",
        "expiry",
        "listed_on",
    )
    list_filter = ("exchange", "instrument_type")
    search_fields = ("tradingsymbol", "name")

    @admin.display(description="tick ₹", ordering="tick_size")
    def shown_tick(self, instrument: Instrument) -> str:
        return price(instrument.tick_size)


@admin.register(InstrumentLoad)
class InstrumentLoadAdmin(RecordAdmin):
    list_display = ("listed_on", "started", "finished", "in_use", "shown_rows", "skipped", "error")
    list_select_related = ("connection",)

    @admin.display(description="started (IST)", ordering="started_at")
    def started(self, load: InstrumentLoad) -> str:
        return ist(load.started_at, "second")

    @admin.display(description="finished (IST)", ordering="finished_at")
    def finished(self, load: InstrumentLoad) -> str:
        return ist(load.finished_at, "second")

    @admin.display(description="whole", boolean=True)
    def in_use(self, load: InstrumentLoad) -> bool:
        return load.whole

    @admin.display(description="rows", ordering="rows")
    def shown_rows(self, load: InstrumentLoad) -> str:
        return qty(load.rows)


class SymbolOverrideForm(forms.ModelForm):
    class Meta:
        model = SymbolOverride
        fields = (
            "source_exchange",
            "source_symbol",
            "exchange",
            "tradingsymbol",
            "valid_from",
            "valid_until",
            "note",
        )
        widgets = {"tradingsymbol": SymbolInput(attrs={"class": "vTextField"})}

    def clean(self) -> dict[str, Any]:
        """Refuse a symbol that the list does not have: its orders would all wait."""
        values = super().clean() or self.cleaned_data
        exchange = str(values.get("exchange", "")).strip().upper()
        tradingsymbol = str(values.get("tradingsymbol", "")).strip().upper()
        if not (exchange and tradingsymbol) or no_list((exchange,)):
            return values
        if listed(exchange, tradingsymbol) is None:
            near = [str(one) for one in search(tradingsymbol)[:3]]
            hint = f"Did you mean {' or '.join(near)}?" if near else "Check the spelling."
            self.add_error(
                "tradingsymbol",
                f"{exchange}:{tradingsymbol} is not in the instrument list. {hint}",
            )
        return values


@admin.register(SymbolOverride)
class SymbolOverrideAdmin(admin.ModelAdmin):
    form = SymbolOverrideForm
    list_display = ("source", "target", "valid_from", "valid_until", "note")
    list_filter = ("exchange",)
    search_fields = ("source_symbol", "tradingsymbol", "note")

    @admin.display(description="the alert's symbol", ordering="source_symbol")
    def source(self, row: SymbolOverride) -> str:
        return f"{row.source_exchange or 'any exchange'}:{row.source_symbol}"

    @admin.display(description="stands for", ordering="tradingsymbol")
    def target(self, row: SymbolOverride) -> str:
        return f"{row.exchange}:{row.tradingsymbol}"


@admin.register(ContractRule)
class ContractRuleAdmin(admin.ModelAdmin):
    list_display = ("name", "exchange", "freeze", "shown_multiplier", "source", "updated")
    list_filter = ("exchange",)
    search_fields = ("name", "source")
    readonly_fields = ("updated_at",)

    @admin.display(description="most units in one order", ordering="freeze_quantity")
    def freeze(self, rule: ContractRule) -> str:
        return qty(rule.freeze_quantity)

    @admin.display(description="₹ per lot and point", ordering="multiplier")
    def shown_multiplier(self, rule: ContractRule) -> str:
        return price(rule.multiplier)

    @admin.display(description="updated (IST)", ordering="updated_at")
    def updated(self, rule: ContractRule) -> str:
        return ist(rule.updated_at, "second")
