"""What a person does with a position."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.filters import IDEMPOTENCY_KEY
from trading.api.serializers.orders import ErrorSerializer, OrderSerializer
from trading.api.serializers.positions import PositionExitSerializer
from trading.api.views.orders import OrderView
from trading.services import exits


class PositionExit(OrderView):
    serializer_class = PositionExitSerializer

    @extend_schema(
        operation_id="positions_exit",
        parameters=[IDEMPOTENCY_KEY],
        responses={201: OrderSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Close a position, or `qty` units of it, with a reduce-only order at market."""
        asked = self.validated()
        order = exits.exit_position(
            asked["connection"],
            asked["exchange"],
            asked["symbol"],
            asked["product"],
            quantity=asked.get("qty"),
            actor=self.actor,
        )
        return self.answer(order, 201)
