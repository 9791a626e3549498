"""How much of the limits is used now."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from risk.engine.rules import plain
from sigmatrader import clock
from trading.api.base import ApiView
from trading.api.filters import ID_OF_STRATEGY, Filters
from trading.api.serializers.orders import ErrorSerializer
from trading.services.limit_use import ScopeUse, scope_uses


class LimitUseSerializer(serializers.Serializer[Any]):
    """`used` is null while a price or a read is missing. Money is rupees as text."""

    connection_id = serializers.IntegerField()
    strategy_id = serializers.IntegerField(allow_null=True)
    scope = serializers.CharField()
    code = serializers.CharField()
    setting = serializers.CharField()
    limit = serializers.CharField()
    used = serializers.CharField(allow_null=True)
    unit = serializers.CharField()
    where = serializers.CharField(help_text="The instrument, underlying or segment it is about.")


class RiskUse(ApiView):
    serializer_class = LimitUseSerializer

    @extend_schema(
        operation_id="risk_use",
        parameters=[
            OpenApiParameter("connection_id", int, description="One account."),
            ID_OF_STRATEGY,
        ],
        responses={200: LimitUseSerializer(many=True), 400: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        """What is used of each limit that can be measured without an order."""
        filters = Filters(request)
        connection, strategy = filters.id("connection_id"), filters.id("strategy_id")
        filters.check()
        rows = [
            row for scope in scope_uses(clock.now(), connection, strategy) for row in _rows(scope)
        ]
        return Response(LimitUseSerializer(rows, many=True).data)


def _rows(scope: ScopeUse) -> list[dict[str, Any]]:
    return [
        {
            "connection_id": scope.connection.pk,
            "strategy_id": scope.strategy.pk if scope.strategy else None,
            "scope": scope.limits.scope.value,
            "code": one.code.value,
            "setting": one.setting,
            "limit": plain(one.limit),
            "used": None if one.used is None else plain(one.used),
            "unit": one.unit,
            "where": one.where,
        }
        for one in scope.uses
    ]
