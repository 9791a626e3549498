"""Past alerts under the limits in force, and under others."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.base import ApiView
from trading.api.filters import IDEMPOTENCY_KEY
from trading.api.serializers.orders import ErrorSerializer
from trading.api.serializers.what_if import (
    WhatIfAskSerializer,
    WhatIfReportSerializer,
    report_of,
)
from trading.services import whatif


class WhatIfView(ApiView):
    serializer_class = WhatIfAskSerializer

    @extend_schema(
        operation_id="what_if",
        parameters=[IDEMPOTENCY_KEY],
        responses={200: WhatIfReportSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Replay alerts through limits. Nothing is sent and nothing is stored.

        409 when others look at what-ifs just now: try again in some seconds.
        """
        asked = self.validated()
        candidate = None
        if "settings" in asked:
            candidate = whatif.Candidate(
                settings=whatif.settings_from_json(asked["settings"]),
                strategy_id=asked.get("strategy_id"),
            )
        if "alerts" in asked:
            found = whatif.of_rows(asked["alerts"], candidate)
        else:
            found = whatif.of_stored(asked.get("days", whatif.USUAL_DAYS), candidate)
        return Response(report_of(found))
