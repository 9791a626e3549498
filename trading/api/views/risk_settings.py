"""Limits: read, changed, told back, taken along as a file, begun from a preset."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from risk import portable, presets, settings_service
from risk.models import RiskSettings, RiskSettingsChange
from risk.settings_values import to_json
from sigmatrader.db import write_transaction
from trading.api.base import ApiView, MayWrite
from trading.api.filters import ID_OF_STRATEGY, IDEMPOTENCY_KEY, Filters, word_parameter
from trading.api.pagination import NewestFirst
from trading.api.serializers.fields import MoneyField
from trading.api.serializers.orders import ErrorSerializer
from trading.api.serializers.risk_settings import (
    PresetAppliedSerializer,
    PresetApplySerializer,
    PresetSerializer,
    RiskSettingsChangeSerializer,
    RiskSettingsFileSerializer,
    RiskSettingsImportedSerializer,
    RiskSettingsImportSerializer,
    RiskSettingsSerializer,
    by_field,
)
from trading.api.views.settings import REFUSED, RowsView
from trading.domain.values import RiskScope

_ADD, _CHANGE, _DELETE = (f"risk.{word}_risksettings" for word in ("add", "change", "delete"))
# As in the admin, what may make rows and change them takes both rights, also to look only.
_MANY = {"POST": (_ADD, _CHANGE)}
_CAPITAL = OpenApiParameter("capital", str, description="₹ that are traded with.")


class RiskSettingsList(RowsView):
    permission_classes = (IsAuthenticated, MayWrite)
    rights = {"POST": (_ADD,)}
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


class RiskSettingsDetail(RowsView):
    permission_classes = (IsAuthenticated, MayWrite)
    rights = {"PUT": (_CHANGE,), "PATCH": (_CHANGE,), "DELETE": (_DELETE,)}
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
        operation_id="risk_settings_replace", responses={200: RiskSettingsSerializer, **REFUSED}
    )
    def put(self, request: Request, pk: str) -> Response:
        """Change limits; fields that are not given keep their values."""
        return self.change(pk)

    @extend_schema(
        operation_id="risk_settings_change", responses={200: RiskSettingsSerializer, **REFUSED}
    )
    def patch(self, request: Request, pk: str) -> Response:
        """Change limits; what is given lasts, also where it was temporary."""
        return self.change(pk)

    @extend_schema(operation_id="risk_settings_delete", responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, pk: str) -> Response:
        """Remove a row of limits: GLOBAL is as in a new installation then, a strategy has none."""
        with write_transaction():
            settings_service.delete_settings(self.find(self.get_queryset(), pk), actor=self.actor)
        return Response(status=204)


class RiskSettingsHistory(ApiView):
    queryset = RiskSettings.objects.select_related("strategy")
    serializer_class = RiskSettingsChangeSerializer
    pagination_class = NewestFirst
    newest_by = "at"

    @extend_schema(
        operation_id="risk_settings_history",
        responses={200: RiskSettingsChangeSerializer(many=True), 404: ErrorSerializer},
    )
    def get(self, request: Request, pk: str) -> Response:
        """Every change of a scope's limits, newest first, in cursor pages."""
        row = self.find(self.get_queryset(), pk)
        page = self.paginate_queryset(settings_service.history_of(row))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class RiskSettingsExport(ApiView):
    queryset = RiskSettingsChange.objects.none()
    serializer_class = RiskSettingsFileSerializer

    @extend_schema(operation_id="risk_settings_export", responses=RiskSettingsFileSerializer)
    def get(self, request: Request) -> Response:
        """The limits of all scopes as a file, strategies by name, without temporary changes."""
        return Response(portable.export_settings())


class RiskSettingsImport(ApiView):
    permission_classes = (IsAuthenticated, MayWrite)
    rights = _MANY
    serializer_class = RiskSettingsImportSerializer
    max_bytes = portable.MAX_BYTES

    @extend_schema(
        operation_id="risk_settings_import",
        parameters=[IDEMPOTENCY_KEY],
        responses={200: RiskSettingsImportedSerializer, 400: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Take over a file's limits, all or none; scopes that it doesn't name stay."""
        given = self.validated()
        reason, dry_run = given.pop("reason", ""), given.pop("dry_run")
        changed = portable.import_settings(given, actor=self.actor, reason=reason, dry_run=dry_run)
        answer = {"dry_run": dry_run, "changed": changed}
        return Response(RiskSettingsImportedSerializer(answer).data)


class RiskPresets(ApiView):
    permission_classes = (IsAuthenticated, MayWrite)
    rights = _MANY
    serializer_class = PresetApplySerializer

    @extend_schema(
        operation_id="risk_presets_list",
        parameters=[
            _CAPITAL,
            word_parameter("scope", RiskScope, "One"),
            OpenApiParameter("market_data", bool, description="With the price collars."),
        ],
        responses={200: PresetSerializer(many=True), 400: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        """The presets with their settings for a capital (₹5,00,000 unless it is given)."""
        filters = Filters(request)
        scopes, market_data = filters.words("scope", RiskScope), filters.flag("market_data")
        filters.check()
        scope, capital = scopes[0] if scopes else RiskScope.GLOBAL, _capital(request)
        found = []
        for preset in presets.PRESETS.values():
            values = preset.values(scope, capital, market_data=bool(market_data))
            settings = {name: to_json(value) for name, value in values.items()}
            found.append(
                {
                    "name": preset.name,
                    "title": preset.title,
                    "who": preset.who,
                    "settings": settings,
                }
            )
        return Response(PresetSerializer(found, many=True).data)

    @extend_schema(
        operation_id="risk_presets_apply",
        parameters=[IDEMPOTENCY_KEY],
        responses={200: PresetAppliedSerializer, 400: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Put a preset's settings in force for a scope; with `dry_run` only say what changes."""
        given = self.validated()
        strategy = given["strategy_id"]
        which = (given["name"], given["capital"], given["scope"], strategy and strategy.pk)
        try:
            differences = presets.preset_differences(*which, market_data=given["market_data"])
            row = None
            if not given["dry_run"]:
                row = presets.apply_preset(
                    *which,
                    market_data=given["market_data"],
                    actor=self.actor,
                    reason=given["reason"],
                    until=given["until"],
                )
        except DjangoValidationError as error:
            raise by_field(error) from None
        answer = {"dry_run": given["dry_run"], "differences": differences, "settings": row}
        context = self.get_serializer_context()
        return Response(PresetAppliedSerializer(answer, context=context).data)


def _capital(request: Request) -> Decimal:
    text = request.query_params.get("capital")
    if text is None:
        return presets.USUAL_CAPITAL
    try:
        return Decimal(MoneyField().run_validation(text))
    except ValidationError as error:
        raise ValidationError({"capital": error.detail}) from None
