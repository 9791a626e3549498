"""The instrument list, searched."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.base import ApiView
from trading.api.serializers.instruments import InstrumentSerializer
from trading.api.serializers.orders import ErrorSerializer
from trading.models import Instrument
from trading.services.instrument_search import LONGEST, SHORTEST, search


class InstrumentList(ApiView):
    queryset = Instrument.objects.none()
    serializer_class = InstrumentSerializer

    @extend_schema(
        operation_id="instruments_list",
        responses={200: InstrumentSerializer(many=True), 400: ErrorSerializer},
        parameters=[
            OpenApiParameter(
                "q",
                str,
                required=True,
                description="A symbol or its beginning, with or without exchange (NSE:INF), or a "
                "part of a company's name.",
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """At most 12 instruments that match, best first."""
        text = request.query_params.get("q", "").strip()
        if not SHORTEST <= len(text) <= LONGEST:
            raise ValidationError({"q": [f"Write {SHORTEST} to {LONGEST} letters of a symbol."]})
        return Response(InstrumentSerializer(search(text), many=True).data)
