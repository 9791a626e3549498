"""Instruments as the broker lists them."""

from rest_framework import serializers

from trading.api.serializers.fields import ModelSerializer
from trading.domain.symbols import INDEX_SEGMENT
from trading.models import Instrument


class InstrumentSerializer(ModelSerializer):
    """One instrument; `tradable` is false of an index. `lot_size` in units, lots on MCX and CDS."""

    symbol = serializers.SerializerMethodField(help_text="With its exchange, as orders show it.")
    tradable = serializers.SerializerMethodField()

    class Meta:
        model = Instrument
        fields = (
            "symbol",
            "exchange",
            "tradingsymbol",
            "name",
            "instrument_type",
            "segment",
            "expiry",
            "strike",
            "tick_size",
            "lot_size",
            "tradable",
            "listed_on",
        )
        read_only_fields = fields

    def get_symbol(self, instrument: Instrument) -> str:
        return str(instrument)

    def get_tradable(self, instrument: Instrument) -> bool:
        return instrument.segment != INDEX_SEGMENT
