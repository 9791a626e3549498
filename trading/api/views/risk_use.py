"""What is used of limits."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from sigmatrader import clock
from trading.api.base import ApiView
from trading.api.connections import chosen_connection
from trading.api.filters import ID_OF_STRATEGY, Filters
from trading.api.serializers.orders import ErrorSerializer
from trading.api.serializers.risk_use import LimitUseSerializer
from trading.models import Strategy
from trading.services.limit_use import limit_use

_CONNECTION = OpenApiParameter(
    "connection", str, description="An account, by name or id. Without it: every one."
)


class RiskUse(ApiView):
    serializer_class = LimitUseSerializer

    @extend_schema(
        operation_id="risk_use",
        parameters=[_CONNECTION, ID_OF_STRATEGY],
        responses={
            200: LimitUseSerializer(many=True),
            400: ErrorSerializer,
            404: ErrorSerializer,
        },
    )
    def get(self, request: Request) -> Response:
        """What is used now of every limit that can be used up: GLOBAL's on each account that is
        switched on, each strategy's own on its account. With `strategy_id` that strategy's alone.
        """
        filters = Filters(request)
        strategy_id = filters.id("strategy_id")
        filters.check()
        if strategy_id is not None and not Strategy.objects.filter(pk=strategy_id).exists():
            raise NotFound(f"There is no strategy {strategy_id}.")
        named = request.query_params.get("connection", "").strip()
        connection_id = chosen_connection(request).pk if named else None
        found = limit_use(clock.now(), connection_id=connection_id, strategy_id=strategy_id)
        rows = [
            {
                "connection_id": scope.connection.pk,
                "scope": scope.limits.scope,
                "strategy_id": scope.strategy.pk if scope.strategy else None,
                "code": use.code,
                "setting": use.setting,
                "limit": use.limit,
                "used": use.used,
                "unit": use.unit,
                "where": use.where,
            }
            for scope in found
            for use in scope.uses
        ]
        return Response(self.get_serializer(rows, many=True).data)
