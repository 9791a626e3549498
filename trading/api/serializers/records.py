"""Alerts, positions, trades and the trading state."""

from typing import Any

from rest_framework import serializers

from brokers.models import BrokerConnection
from sigmatrader.second_factor import LONGEST_CODE
from trading.api.serializers.fields import (
    ConnectionField,
    InputSerializer,
    ModelSerializer,
    MoneyField,
    UtcField,
    WordField,
)
from trading.api.serializers.orders import FieldErrors, TextsField
from trading.domain.values import Product, Side, StateScope, TradingStateName
from trading.models import Alert, ClosedTrade, Position, Strategy
from trading.models.alert import AlertOutcome


class AlertSerializer(ModelSerializer):
    """A message as it arrived (secret blanked), what was read, and what became of it."""

    received_at = UtcField(read_only=True)
    bar_time = UtcField(read_only=True, allow_null=True)
    action = serializers.CharField(read_only=True, help_text="BUY, SELL, or empty if unread.")
    outcome = WordField(AlertOutcome, read_only=True)
    strategy_id = serializers.IntegerField(read_only=True, allow_null=True)
    order_id = serializers.IntegerField(read_only=True, allow_null=True)
    warnings = TextsField(read_only=True)

    class Meta:
        model = Alert
        fields = (
            "id",
            "received_at",
            "strategy_id",
            "strategy_name",
            "symbol",
            "exchange",
            "action",
            "qty",
            "price",
            "interval",
            "platform",
            "bar_time",
            "reason",
            "outcome",
            "code",
            "warnings",
            "repaired",
            "duplicate_count",
            "raw_body",
            "order_id",
        )
        read_only_fields = fields

    def get_fields(self) -> dict[str, Any]:
        """With `errors`, which the framework keeps for itself."""
        return super().get_fields() | {"errors": FieldErrors(read_only=True)}


class PositionSerializer(ModelSerializer):
    """A net position; `qty` is negative when short, P&L in rupees before charges."""

    symbol = serializers.SerializerMethodField(help_text="With its exchange, as orders show it.")
    tradingsymbol = serializers.CharField(source="symbol", read_only=True)
    product = WordField(Product, read_only=True)
    connection = ConnectionField(read_only=True)
    average_price = MoneyField(source="avg_price", read_only=True)
    unrealised = MoneyField(read_only=True)
    last_updated = UtcField(read_only=True)

    class Meta:
        model = Position
        fields = (
            "symbol",
            "exchange",
            "tradingsymbol",
            "product",
            "connection",
            "qty",
            "average_price",
            "last_price",
            "pnl",
            "realised",
            "unrealised",
            "last_updated",
        )
        read_only_fields = fields

    def get_symbol(self, position: Position) -> str:
        return _with_exchange(position.exchange, position.symbol)


class TradeSerializer(ModelSerializer):
    """A piece of a position that one order opened and another, or its expiry, closed."""

    symbol = serializers.SerializerMethodField(help_text="With its exchange, as orders show it.")
    tradingsymbol = serializers.CharField(source="symbol", read_only=True)
    strategy_id = serializers.IntegerField(read_only=True, allow_null=True)
    side = WordField(Side, read_only=True)
    connection = ConnectionField(read_only=True)
    entry_order_id = serializers.IntegerField(read_only=True)
    exit_order_id = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Null when the contract expired."
    )
    exit_reason = serializers.ChoiceField(
        choices=["ORDER", "EXPIRY"], read_only=True, help_text="How it ended."
    )
    opened_at = UtcField(read_only=True)
    closed_at = UtcField(read_only=True)
    pnl = MoneyField(read_only=True, help_text="Rupees, before charges.")
    charges = MoneyField(
        read_only=True, allow_null=True, help_text="Rupees; null until they are worked out."
    )
    net = MoneyField(
        read_only=True, allow_null=True, help_text="Rupees, after charges; null until then."
    )

    class Meta:
        model = ClosedTrade
        fields = (
            "id",
            "strategy_id",
            "connection",
            "symbol",
            "exchange",
            "tradingsymbol",
            "product",
            "side",
            "qty",
            "entry_price",
            "exit_price",
            "pnl",
            "charges",
            "net",
            "r_multiple",
            "simulated",
            "entry_order_id",
            "exit_order_id",
            "exit_reason",
            "opened_at",
            "closed_at",
        )
        read_only_fields = fields

    def get_symbol(self, trade: ClosedTrade) -> str:
        return _with_exchange(trade.exchange, trade.symbol)


def _with_exchange(exchange: str, symbol: str) -> str:
    return f"{exchange}:{symbol}" if exchange else symbol


class ScopeStateSerializer(serializers.Serializer[Any]):
    """The state of one scope now; `changed_at` is null while it never changed."""

    scope = WordField(StateScope)
    connection_id = serializers.IntegerField(allow_null=True)
    strategy_id = serializers.IntegerField(allow_null=True)
    state = WordField(TradingStateName)
    reason = serializers.CharField()
    changed_at = UtcField(allow_null=True)
    changed_by = serializers.CharField()


class BreakerSerializer(serializers.Serializer[Any]):
    """What stops AUTO orders of an account or strategy now; `reason` says what and why."""

    code = serializers.CharField()
    connection_id = serializers.IntegerField(allow_null=True)
    strategy_id = serializers.IntegerField(allow_null=True)
    since = UtcField()
    reason = serializers.CharField()


class TradingStateSerializer(serializers.Serializer[Any]):
    """Every state that was ever set, widest scope first."""

    states = ScopeStateSerializer(many=True)
    breakers = BreakerSerializer(many=True)


class TradingStateChangedSerializer(TradingStateSerializer):
    """The states after a change, and the orders that it touched."""

    set_aside = serializers.ListField(child=serializers.IntegerField())
    cancelled = serializers.ListField(child=serializers.IntegerField())


class TradingStateChangeSerializer(InputSerializer):
    """A change of the trading state. ACTIVE needs a reason, and a code of whoever has a second
    factor."""

    state = WordField(TradingStateName)
    scope = WordField(StateScope, required=False, default=StateScope.EVERYTHING.value)
    connection_id = serializers.PrimaryKeyRelatedField(
        queryset=BrokerConnection.objects.all(), required=False, allow_null=True, default=None
    )
    strategy_id = serializers.PrimaryKeyRelatedField(
        queryset=Strategy.objects.all(), required=False, allow_null=True, default=None
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)
    cancel_working = serializers.BooleanField(required=False, default=False)
    square_off = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Close what is open: the scope is REDUCING until it is flat, then as asked.",
    )
    code = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=LONGEST_CODE,
        help_text="Of the authenticator app, or a recovery code; for ACTIVE alone.",
    )
