"""Strategies and the trading state."""

from typing import Any

from django.db import IntegrityError
from django.db.models import ProtectedError
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from risk import policy, settings_service
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.api.base import ApiView, MayWrite, store
from trading.api.filters import IDEMPOTENCY_KEY
from trading.api.serializers.orders import ErrorSerializer
from trading.api.serializers.records import (
    TradingStateChangedSerializer,
    TradingStateChangeSerializer,
    TradingStateSerializer,
)
from trading.api.serializers.strategies import StrategySerializer
from trading.models import Strategy
from trading.services import alarms, halting, stopped_strategies
from trading.services.errors import Conflict
from trading.services.halting import Confirmation

REFUSED = {400: ErrorSerializer, 404: ErrorSerializer}


class RowsView(ApiView):
    """Creating and changing rows through the view's serializer."""

    def create(self) -> Response:
        def fresh() -> BaseSerializer[Any]:
            return self.get_serializer(data=self.request.data)

        return Response(self.get_serializer(store(fresh(), fresh)).data, status=201)

    def change(self, pk: str) -> Response:
        """Fields that are not given keep their values, with PUT as with PATCH."""

        def fresh() -> BaseSerializer[Any]:
            row = self.find(self.get_queryset(), pk)
            return self.get_serializer(row, data=self.request.data, partial=True)

        return Response(self.get_serializer(store(fresh(), fresh)).data)


class StrategyList(RowsView):
    permission_classes = (IsAuthenticated, MayWrite)
    rights = {"POST": ("trading.add_strategy",)}
    queryset = Strategy.objects.select_related("connection").order_by("name")
    serializer_class = StrategySerializer

    @extend_schema(operation_id="strategies_list", responses=StrategySerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every strategy, by name."""
        return Response(self.get_serializer(self.get_queryset(), many=True).data)

    @extend_schema(
        operation_id="strategies_create",
        parameters=[IDEMPOTENCY_KEY],
        responses={201: StrategySerializer, 400: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """A new strategy. Its name is unique."""
        return self.create()


class StrategyDetail(RowsView):
    permission_classes = (IsAuthenticated, MayWrite)
    rights = {
        "PUT": ("trading.change_strategy",),
        "PATCH": ("trading.change_strategy",),
        "DELETE": ("trading.delete_strategy",),
    }
    queryset = Strategy.objects.select_related("connection")
    serializer_class = StrategySerializer

    @extend_schema(
        operation_id="strategies_get", responses={200: StrategySerializer, 404: ErrorSerializer}
    )
    def get(self, request: Request, pk: str) -> Response:
        """One strategy."""
        return Response(self.get_serializer(self.find(self.get_queryset(), pk)).data)

    @extend_schema(
        operation_id="strategies_replace",
        responses={200: StrategySerializer, **REFUSED, 409: ErrorSerializer},
    )
    def put(self, request: Request, pk: str) -> Response:
        """Change a strategy; fields that are not given keep their values.

        409 for a new name, or AUTO, of a strategy that is stopped: resume it first.
        """
        return self.change(pk)

    @extend_schema(
        operation_id="strategies_change",
        responses={200: StrategySerializer, **REFUSED, 409: ErrorSerializer},
    )
    def patch(self, request: Request, pk: str) -> Response:
        """Change a strategy; fields that are not given keep their values.

        409 for a new name, or AUTO, of a strategy that is stopped: resume it first.
        """
        return self.change(pk)

    @extend_schema(
        operation_id="strategies_delete",
        responses={204: None, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def delete(self, request: Request, pk: str) -> Response:
        """Delete a strategy that never had an order and is not stopped; archive any other."""
        strategy = self.find(self.get_queryset(), pk)
        try:
            with write_transaction():
                stopped_strategies.check_deletion(strategy)
                reason = f"The strategy {strategy.name} was deleted."
                settings_service.delete_settings_of(strategy.pk, actor=self.actor, reason=reason)
                strategy.delete()
        except (ProtectedError, IntegrityError):
            raise Conflict(
                f"{strategy.name} has orders, and their history stays: archive it instead.",
                code="has_orders",
            ) from None
        return Response(status=204)


def _states() -> dict[str, Any]:
    now = {
        "states": policy.current_states(),
        "breakers": alarms.current_breakers(clock.now()),
    }
    return dict(TradingStateSerializer(now).data)


class TradingStateView(ApiView):
    serializer_class = TradingStateChangeSerializer

    @extend_schema(operation_id="trading_state_get", responses=TradingStateSerializer)
    def get(self, request: Request) -> Response:
        """The trading state of every scope that ever had one."""
        return Response(_states())

    @extend_schema(
        operation_id="trading_state_set",
        parameters=[IDEMPOTENCY_KEY],
        responses={200: TradingStateChangedSerializer, 400: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Halt, reduce or resume: everything, one account or one strategy."""
        asked = self.validated()
        account, strategy = asked["connection_id"], asked["strategy_id"]
        change = halting.set_state(
            asked["state"],
            asked["scope"],
            asked["reason"],
            self.actor,
            connection_id=account.pk if account else None,
            strategy_id=strategy.pk if strategy else None,
            cancel_working=asked["cancel_working"],
            square_off=asked["square_off"],
            confirmed_by=Confirmation(request.user, asked["code"]),
        )
        touched = {"set_aside": change.set_aside, "cancelled": change.cancelled}
        return Response({**_states(), **touched})
