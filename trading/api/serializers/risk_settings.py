"""Limits: the settings of a scope, their history, files and presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import PositiveIntegerField
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from risk import settings_service
from risk.models import RiskSettings, RiskSettingsChange, no_trade_windows
from risk.presets import PRESETS
from risk.settings_values import SETTINGS
from risk.settings_values import to_json as json_of
from trading.api.serializers.fields import (
    InputSerializer,
    ModelSerializer,
    MoneyField,
    SymbolListField,
    UnitsField,
    UtcField,
    WordField,
)
from trading.domain.values import ClampMode, RiskScope
from trading.models import Strategy

_REASON_HELP = "Why, for the history."
_UNTIL_HELP = "When this change ends by itself and the values of before return. Empty: never."


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "start": {"type": "string", "example": "12:00"},
                "end": {"type": "string", "example": "13:30"},
                "days": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["start", "end"],
        },
        "description": "Hours (IST) without entries; days are 0 (Monday) to 6, none for every day.",
    }
)
class WindowsField(serializers.Field[list[Any], Any, list[Any], Any]):
    """Windows as the model keeps them."""

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        try:
            return no_trade_windows(data)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from None

    def to_representation(self, value: list[Any]) -> list[Any]:
        return list(value)


class RiskSettingsSerializer(ModelSerializer):
    """The limits of one scope. Null and an empty list: no limit.

    New GLOBAL settings begin with what a new installation checks, new ones of a strategy with
    nothing; `null` switches a limit off.
    """

    serializer_field_mapping = {
        **ModelSerializer.serializer_field_mapping,
        PositiveIntegerField: UnitsField,
    }
    scope = WordField(RiskScope)
    strategy_id = serializers.PrimaryKeyRelatedField(
        source="strategy", queryset=Strategy.objects.all(), required=False, allow_null=True
    )
    clamp_mode = WordField(ClampMode, required=False)
    symbol_whitelist = SymbolListField(required=False)
    symbol_blacklist = SymbolListField(required=False)
    no_trade_windows = WindowsField(required=False)
    reverts_at = UtcField(read_only=True, allow_null=True)
    reason = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=settings_service.REASON_LENGTH,
        help_text=_REASON_HELP,
    )
    until = UtcField(write_only=True, required=False, allow_null=True, help_text=_UNTIL_HELP)
    created_at = UtcField(read_only=True)
    updated_at = UtcField(read_only=True)

    class Meta:
        model = RiskSettings
        fields = (
            "id",
            "scope",
            "strategy_id",
            *SETTINGS,
            "reason",
            "until",
            "reverts_at",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("version",)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The model's own rules, which see all fields together."""
        try:
            settings_service.differences(self._row(attrs), self._changes(attrs), attrs.get("until"))
        except DjangoValidationError as error:
            raise by_field(error) from None
        return attrs

    def create(self, validated_data: dict[str, Any]) -> RiskSettings:
        return self._store(validated_data)

    def update(self, instance: RiskSettings, validated_data: dict[str, Any]) -> RiskSettings:
        return self._store(validated_data)

    def _changes(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """A PUT repeats the whole row: only what differs in it is meant as a change."""
        given = {name: value for name, value in attrs.items() if name in SETTINGS}
        if self.context["request"].method != "PUT":
            return given
        return {
            name: value for name, value in given.items() if value != getattr(self.instance, name)
        }

    def _row(self, attrs: Mapping[str, Any]) -> RiskSettings:
        """The stored row, or one that begins. A row stays with its scope and strategy."""
        strategy = attrs.get("strategy")
        if not isinstance(self.instance, RiskSettings):
            return settings_service.begin(attrs["scope"], strategy.pk if strategy else None)
        moved = {}
        if attrs.get("scope", self.instance.scope) != self.instance.scope:
            moved["scope"] = "Settings stay with their scope: make new ones."
        if "strategy" in attrs and strategy != self.instance.strategy:
            moved["strategy"] = "Settings stay with their strategy: make new ones for the other."
        if moved:
            raise DjangoValidationError(moved)
        return self.instance

    def _store(self, given: Mapping[str, Any]) -> RiskSettings:
        return settings_service.change_settings(
            self._row(given),
            self._changes(given),
            actor=self.context["view"].actor,
            reason=given.get("reason", ""),
            until=given.get("until"),
        )


def by_field(error: DjangoValidationError) -> serializers.ValidationError:
    """A refusal of the limits with the names that the API uses."""
    errors: dict[str, Any] = settings_service.errors_by_field(error)
    if "strategy" in errors:
        errors["strategy_id"] = errors.pop("strategy")
    return serializers.ValidationError(errors)


class RiskSettingsChangeSerializer(ModelSerializer):
    """One change: `old` and `new` hold the settings that differ, `until` if it was for a time."""

    settings_id = serializers.IntegerField(read_only=True, allow_null=True)
    scope = WordField(RiskScope, read_only=True)
    old = serializers.DictField(read_only=True)
    new = serializers.DictField(read_only=True)
    at = UtcField(read_only=True)
    until = UtcField(read_only=True, allow_null=True)

    class Meta:
        model = RiskSettingsChange
        fields = (
            "id",
            "settings_id",
            "scope",
            "label",
            "version",
            "old",
            "new",
            "reason",
            "actor",
            "at",
            "until",
        )
        read_only_fields = fields


class DifferenceSerializer(serializers.Serializer[Any]):
    """One setting before and after."""

    setting = serializers.CharField(source="name")
    old = serializers.SerializerMethodField()
    new = serializers.SerializerMethodField()

    @extend_schema_field({"nullable": True})
    def get_old(self, difference: Any) -> Any:
        return json_of(difference.old)

    @extend_schema_field({"nullable": True})
    def get_new(self, difference: Any) -> Any:
        return json_of(difference.new)


class RiskSettingsFileSerializer(InputSerializer):
    """A file of settings. With `dry_run` nothing is stored."""

    format = serializers.CharField()
    format_version = serializers.IntegerField()
    exported_at = serializers.CharField(required=False)
    settings = serializers.ListField(child=serializers.DictField())


class RiskSettingsImportSerializer(RiskSettingsFileSerializer):
    """The same with the reason for the history."""

    reason = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=settings_service.REASON_LENGTH,
        help_text=_REASON_HELP,
    )
    dry_run = serializers.BooleanField(required=False, default=False)


class ImportedScopeSerializer(serializers.Serializer[Any]):
    """What an import changes for one scope; `made`: it had no settings before."""

    scope = WordField(RiskScope)
    strategy = serializers.CharField(allow_null=True)
    made = serializers.BooleanField()
    differences = DifferenceSerializer(many=True)


class RiskSettingsImportedSerializer(serializers.Serializer[Any]):
    """Every scope that changed, or would change."""

    dry_run = serializers.BooleanField()
    changed = ImportedScopeSerializer(many=True)


class PresetSerializer(serializers.Serializer[Any]):
    """A preset with its settings for the capital and scope that were asked for."""

    name = serializers.CharField()
    title = serializers.CharField()
    who = serializers.CharField()
    settings = serializers.DictField()


class PresetApplySerializer(InputSerializer):
    """Which preset, for what capital (of the strategy: with its scope), for whose orders."""

    name = serializers.ChoiceField(
        list(PRESETS),
        error_messages={"invalid_choice": f"Use one of {', '.join(PRESETS)}."},
    )
    capital = MoneyField(help_text="₹ that are traded with.")
    scope = WordField(RiskScope, required=False, default=RiskScope.GLOBAL.value)
    strategy_id = serializers.PrimaryKeyRelatedField(
        queryset=Strategy.objects.all(), required=False, allow_null=True, default=None
    )
    market_data = serializers.BooleanField(
        required=False,
        default=False,
        help_text="The plan has market data: with the price collars, which need the last price.",
    )
    reason = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=settings_service.REASON_LENGTH,
        help_text=_REASON_HELP,
    )
    until = UtcField(required=False, allow_null=True, default=None, help_text=_UNTIL_HELP)
    dry_run = serializers.BooleanField(required=False, default=False)


class PresetAppliedSerializer(serializers.Serializer[Any]):
    """What the preset changes; `settings` is null when nothing was stored."""

    dry_run = serializers.BooleanField()
    differences = DifferenceSerializer(many=True)
    settings = RiskSettingsSerializer(allow_null=True)
