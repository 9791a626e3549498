"""What happened and what is held: alerts, positions, trades."""

from django.db.models import OuterRef, Q, QuerySet, Subquery
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.base import ApiView
from trading.api.filters import (
    ID_OF_STRATEGY,
    PERIOD,
    SIMULATED,
    SYMBOL,
    Filters,
    word_parameter,
)
from trading.api.pagination import NewestFirst
from trading.api.serializers.orders import ErrorSerializer
from trading.api.serializers.records import AlertSerializer, PositionSerializer, TradeSerializer
from trading.models import Alert, ClosedTrade, Order, Position


def _alerts() -> QuerySet[Alert]:
    first = Order.objects.filter(alert=OuterRef("pk"), retry_of__isnull=True).order_by("id")
    return Alert.objects.annotate(order_id=Subquery(first.values("id")[:1]))


class AlertList(ApiView):
    queryset = Alert.objects.none()
    serializer_class = AlertSerializer
    pagination_class = NewestFirst
    newest_by = "received_at"

    @extend_schema(
        operation_id="alerts_list",
        responses={200: AlertSerializer(many=True), 400: ErrorSerializer},
        parameters=[
            word_parameter("outcome", Alert.Outcome),
            ID_OF_STRATEGY,
            SYMBOL,
            *PERIOD,
        ],
    )
    def get(self, request: Request) -> Response:
        """Every alert with its outcome, newest first, in cursor pages."""
        filters = Filters(request)
        outcomes, strategy = filters.words("outcome", Alert.Outcome), filters.id("strategy_id")
        symbol = filters.symbol("symbol")
        start, end = filters.moment("from"), filters.moment("to", end=True)
        filters.check()
        found = _alerts()
        if outcomes:
            found = found.filter(outcome__in=outcomes)
        if strategy is not None:
            found = found.filter(strategy_id=strategy)
        if symbol:
            found = found.filter(Q(symbol=symbol) | Q(symbol__endswith=f":{symbol}"))
        if start is not None:
            found = found.filter(received_at__gte=start)
        if end is not None:
            found = found.filter(received_at__lt=end)
        page = self.paginate_queryset(found)
        return self.get_paginated_response(AlertSerializer(page, many=True).data)


class AlertDetail(ApiView):
    queryset = Alert.objects.none()
    serializer_class = AlertSerializer

    @extend_schema(
        operation_id="alerts_get", responses={200: AlertSerializer, 404: ErrorSerializer}
    )
    def get(self, request: Request, pk: str) -> Response:
        """One alert."""
        return Response(AlertSerializer(self.find(_alerts(), pk)).data)


class PositionList(ApiView):
    queryset = Position.objects.select_related("connection").order_by("symbol", "id")
    serializer_class = PositionSerializer

    @extend_schema(operation_id="positions_list", responses=PositionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Net positions of every account, closed ones (qty 0) with what they realised."""
        return Response(PositionSerializer(self.get_queryset(), many=True).data)


class TradeList(ApiView):
    queryset = ClosedTrade.objects.none()
    serializer_class = TradeSerializer
    pagination_class = NewestFirst
    newest_by = "closed_at"

    @extend_schema(
        operation_id="trades_list",
        responses={200: TradeSerializer(many=True), 400: ErrorSerializer},
        parameters=[ID_OF_STRATEGY, SYMBOL, SIMULATED, *PERIOD],
    )
    def get(self, request: Request) -> Response:
        """Closed trades, newest first, in cursor pages."""
        filters = Filters(request)
        strategy, simulated = filters.id("strategy_id"), filters.flag("simulated")
        symbol = filters.symbol("symbol")
        start, end = filters.moment("from"), filters.moment("to", end=True)
        filters.check()
        found = ClosedTrade.objects.select_related("connection")
        if strategy is not None:
            found = found.filter(strategy_id=strategy)
        if simulated is not None:
            found = found.filter(simulated=simulated)
        if symbol:
            exchange, _, name = symbol.rpartition(":")
            found = found.filter(symbol=name, **({"exchange": exchange} if exchange else {}))
        if start is not None:
            found = found.filter(closed_at__gte=start)
        if end is not None:
            found = found.filter(closed_at__lt=end)
        page = self.paginate_queryset(found)
        return self.get_paginated_response(TradeSerializer(page, many=True).data)
