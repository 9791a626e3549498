"""What closed trades add up to."""

from dataclasses import asdict

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from brokers.models import ConnectionKind
from trading import analytics
from trading.api.base import ApiView
from trading.api.filters import ID_OF_STRATEGY, SYMBOL, Filters
from trading.api.serializers.analytics import AnalyticsSummarySerializer
from trading.api.serializers.orders import ErrorSerializer

_KINDS = ConnectionKind.values
_PARAMETERS = [
    ID_OF_STRATEGY,
    SYMBOL,
    OpenApiParameter("kind", str, description=f"Of the account: {', '.join(_KINDS)}."),
    OpenApiParameter("from", str, description="The first day (IST) of trades that were closed."),
    OpenApiParameter("to", str, description="The last one."),
]


class AnalyticsSummary(ApiView):
    serializer_class = AnalyticsSummarySerializer

    @extend_schema(
        operation_id="analytics_summary",
        parameters=_PARAMETERS,
        responses={200: AnalyticsSummarySerializer, 400: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        """Closed trades that meet the filters, added up, charges included."""
        filters = Filters(request)
        asked = analytics.Filter(
            strategy_id=filters.id("strategy_id"),
            kind=filters.word("kind", _KINDS),
            symbol=filters.symbol("symbol"),
            first_day=filters.day("from"),
            last_day=filters.day("to"),
        )
        filters.check()
        summary = asdict(analytics.summary(asked))
        answer = {**summary, "pending_days": analytics.pending_days()}
        return Response(self.get_serializer(answer).data)
