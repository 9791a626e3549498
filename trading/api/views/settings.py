"""Strategies, risk settings and the trading state."""

from typing import Any

from django.db import IntegrityError
from django.db.models import ProtectedError, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from risk import policy
from risk.models import RiskSettings
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.api.base import ApiView, store
from trading.api.filters import ID_OF_STRATEGY, IDEMPOTENCY_KEY, Filters, word_parameter
from trading.api.serializers.orders import ErrorSerializer
from trading.api.serializers.records import (
    TradingStateChangedSerializer,
    TradingStateChangeSerializer,
    TradingStateSerializer,
)
from trading.api.serializers.strategies import RiskSettingsSerializer, StrategySerializer
from trading.domain.values import RiskScope
from trading.models import Strategy
from trading.services import alarms, halting
from trading.services.errors import Conflict
from trading.services.halting import Confirmation

_REFUSED = {400: ErrorSerializer, 404: ErrorSerializer}


class _Rows(ApiView):
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


class StrategyList(_Rows):
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


class StrategyDetail(_Rows):
    queryset = Strategy.objects.select_related("connection")
    serializer_class = StrategySerializer

    @extend_schema(
        operation_id="strategies_get", responses={200: StrategySerializer, 404: ErrorSerializer}
    )
    def get(self, request: Request, pk: str) -> Response:
        """One strategy."""
        return Response(self.get_serializer(self.find(self.get_queryset(), pk)).data)

    @extend_schema(
        operation_id="strategies_replace", responses={200: StrategySerializer, **_REFUSED}
    )
    def put(self, request: Request, pk: str) -> Response:
        """Change a strategy; fields that are not given keep their values."""
        return self.change(pk)

    @extend_schema(
        operation_id="strategies_change", responses={200: StrategySerializer, **_REFUSED}
    )
    def patch(self, request: Request, pk: str) -> Response:
        """Change a strategy; fields that are not given keep their values."""
        return self.change(pk)

    @extend_schema(
        operation_id="strategies_delete",
        responses={204: None, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def delete(self, request: Request, pk: str) -> Response:
        """Delete a strategy that never had an order; archive any other."""
        strategy = self.find(self.get_queryset(), pk)
        try:
            with write_transaction():
                strategy.delete()
        except (ProtectedError, IntegrityError):
            raise Conflict(
                f"{strategy.name} has orders, and their history stays: archive it instead.",
                code="has_orders",
            ) from None
        return Response(status=204)


class RiskSettingsList(_Rows):
    queryset = RiskSettings.objects.select_related("strategy").order_by("scope", "strategy__name")
    serializer_class = RiskSettingsSerializer

    @extend_schema(
        operation_id="risk_settings_list",
        responses={200: RiskSettingsSerializer(many=True), 400: ErrorSerializer},
        parameters=[word_parameter("scope", RiskScope, "One"), ID_OF_STRATEGY],
    )
    def get(self, request: Request) -> Response:
        """Every row of limits, GLOBAL first."""
        filters = Filters(request)
        scopes, strategy = filters.words("scope", RiskScope), filters.id("strategy_id")
        filters.check()
        rows: QuerySet[RiskSettings] = self.get_queryset()
        if scopes:
            rows = rows.filter(scope__in=scopes)
        if strategy is not None:
            rows = rows.filter(strategy_id=strategy)
        return Response(self.get_serializer(rows, many=True).data)

    @extend_schema(
        operation_id="risk_settings_create",
        parameters=[IDEMPOTENCY_KEY],
        responses={201: RiskSettingsSerializer, 400: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Limits for everything (GLOBAL) or one strategy; one row for each."""
        return self.create()


class RiskSettingsDetail(_Rows):
    queryset = RiskSettings.objects.select_related("strategy")
    serializer_class = RiskSettingsSerializer

    @extend_schema(
        operation_id="risk_settings_get",
        responses={200: RiskSettingsSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, pk: str) -> Response:
        """One row of limits."""
        return Response(self.get_serializer(self.find(self.get_queryset(), pk)).data)

    @extend_schema(
        operation_id="risk_settings_replace", responses={200: RiskSettingsSerializer, **_REFUSED}
    )
    def put(self, request: Request, pk: str) -> Response:
        """Change limits; fields that are not given keep their values."""
        return self.change(pk)

    @extend_schema(
        operation_id="risk_settings_change", responses={200: RiskSettingsSerializer, **_REFUSED}
    )
    def patch(self, request: Request, pk: str) -> Response:
        """Change limits; fields that are not given keep their values."""
        return self.change(pk)

    @extend_schema(operation_id="risk_settings_delete", responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, pk: str) -> Response:
        """Remove a row of limits: its scope has none then."""
        with write_transaction():
            self.find(self.get_queryset(), pk).delete()
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
