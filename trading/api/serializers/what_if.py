"""A what-if: what is asked, and the report."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from risk.settings_values import to_json
from trading.api.serializers.fields import (
    InputSerializer,
    MoneyField,
    UnitsField,
    UtcField,
    WordField,
    plain,
)
from trading.services.whatif import ASSUMPTIONS, WhatIf
from trading.services.whatif_csv import COLUMNS
from trading.services.whatif_replay import STOPS, Judgement, Outcome, Row, Tally, Walk

MOST_ROWS = 2000


class WhatIfAskSerializer(InputSerializer):
    """`days` of stored alerts, or `alerts`; and the settings to try, in GLOBAL or a strategy's."""

    days = UnitsField(required=False, help_text="1 to 90, today included; 7 when left out.")
    alerts = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        allow_empty=False,
        help_text=f"Objects with {', '.join(COLUMNS)}, instead of days.",
    )
    settings = serializers.DictField(
        required=False, help_text="Risk settings by name, as risk-settings has them; null is off."
    )
    strategy_id = UnitsField(
        required=False, allow_null=True, help_text="Whose settings are tried; GLOBAL without."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "days" in attrs and "alerts" in attrs:
            raise serializers.ValidationError({"alerts": ["Give days or alerts, not both."]})
        if attrs.get("strategy_id") is not None and "settings" not in attrs:
            raise serializers.ValidationError({"settings": ["Say which settings to try."]})
        return attrs


class _ReasonSerializer(serializers.Serializer[Any]):
    outcome = WordField(Outcome)
    code = serializers.CharField()
    scope = serializers.CharField(help_text="GLOBAL, STRATEGY, or empty for a gate.")
    setting = serializers.CharField()
    message = serializers.CharField()


class _JudgementSerializer(serializers.Serializer[Any]):
    outcome = WordField(Outcome)
    requested_qty = serializers.IntegerField()
    final_qty = serializers.IntegerField()
    realised = MoneyField(allow_null=True)
    reasons = _ReasonSerializer(many=True)


class _AlertSerializer(serializers.Serializer[Any]):
    at = UtcField()
    alert_id = serializers.IntegerField(allow_null=True)
    order_id = serializers.IntegerField(allow_null=True)
    line = serializers.IntegerField(allow_null=True)
    strategy_id = serializers.IntegerField(allow_null=True)
    symbol = serializers.CharField()
    side = serializers.CharField()
    connection = serializers.CharField()
    now = _JudgementSerializer()
    tried = _JudgementSerializer(allow_null=True)


class _TallySerializer(serializers.Serializer[Any]):
    passed = serializers.IntegerField()
    clamped = serializers.IntegerField()
    held = serializers.IntegerField()
    denied = serializers.IntegerField()
    nothing = serializers.IntegerField()
    pnl = MoneyField()


class _SidesSerializer(serializers.Serializer[Any]):
    now = _TallySerializer()
    tried = _TallySerializer(allow_null=True)


class _DaySerializer(_SidesSerializer):
    day = serializers.DateField()


class _StrategySumSerializer(_SidesSerializer):
    strategy_id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()


class _StopsSerializer(serializers.Serializer[Any]):
    clamped = serializers.IntegerField()
    held = serializers.IntegerField()
    denied = serializers.IntegerField()


class _RuleSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    scope = serializers.CharField()
    setting = serializers.CharField()
    now = _StopsSerializer()
    tried = _StopsSerializer(allow_null=True)


class _DifferenceSerializer(serializers.Serializer[Any]):
    setting = serializers.CharField()
    old = serializers.JSONField()
    new = serializers.JSONField()


class WhatIfReportSerializer(serializers.Serializer[Any]):
    """The report. `tried` is null everywhere when nothing else was tried."""

    since = UtcField(allow_null=True)
    tried_in = serializers.CharField(help_text="GLOBAL or STRATEGY(name); empty without.")
    differences = _DifferenceSerializer(many=True)
    total = _SidesSerializer()
    by_rule = _RuleSerializer(many=True)
    by_day = _DaySerializer(many=True)
    by_strategy = _StrategySumSerializer(many=True)
    alerts = _AlertSerializer(many=True)
    alerts_left_out = serializers.IntegerField(help_text="In the sums, not in the list.")
    not_replayed = serializers.IntegerField(help_text="Over the most, or over the time.")
    no_orders = serializers.IntegerField(help_text="Alerts that asked for no order.")
    settings_not_replayed = serializers.ListField(child=serializers.CharField())
    assumptions = serializers.ListField(child=serializers.CharField())


def report_of(found: WhatIf) -> dict[str, Any]:
    """The report as JSON has it; of the alerts the newest so many."""
    report = found.report
    rows = report.rows[-MOST_ROWS:]
    return {
        "since": UtcField().to_representation(found.since) if found.since else None,
        "tried_in": found.label,
        "differences": [
            {"setting": one.name, "old": to_json(one.old), "new": to_json(one.new)}
            for one in found.differences
        ],
        "total": _sides(report.now.total, report.tried.total if report.tried else None),
        "by_rule": _by_rule(report.now, report.tried),
        "by_day": [
            {"day": day.isoformat()} | _of(day, report.now.by_day, report.tried, "by_day")
            for day in sorted(report.now.by_day)
        ],
        "by_strategy": [
            {"strategy_id": number, "name": found.strategies.get(number, "") if number else ""}
            | _of(number, report.now.by_strategy, report.tried, "by_strategy")
            for number in sorted(report.now.by_strategy, key=lambda one: one or 0)
        ],
        "alerts": [_row(row) for row in rows],
        "alerts_left_out": len(report.rows) - len(rows),
        "not_replayed": found.left_out + report.unfinished,
        "no_orders": found.no_orders,
        "settings_not_replayed": list(found.not_replayed),
        "assumptions": list(ASSUMPTIONS),
    }


def _of(key: Any, now: Mapping[Any, Tally], tried: Walk | None, name: str) -> dict[str, Any]:
    return _sides(now[key], getattr(tried, name)[key] if tried is not None else None)


def _sides(now: Tally, tried: Tally | None) -> dict[str, Any]:
    return {"now": _tally(now), "tried": _tally(tried) if tried is not None else None}


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "passed": tally.count(Outcome.PASS),
        "clamped": tally.count(Outcome.CLAMP),
        "held": tally.count(Outcome.HOLD),
        "denied": tally.count(Outcome.DENY),
        "nothing": tally.count(Outcome.NOTHING),
        "pnl": plain(tally.pnl),
    }


def _by_rule(now: Walk, tried: Walk | None) -> list[dict[str, Any]]:
    def stops(walk: Walk, rule: tuple[str, str, str]) -> dict[str, int]:
        counts = walk.by_rule.get(rule, Counter())
        words = ("clamped", "held", "denied")
        return {word: counts[one] for word, one in zip(words, STOPS, strict=True)}

    rules = sorted({*now.by_rule, *(tried.by_rule if tried else ())})
    return [
        {
            "code": rule[0],
            "scope": rule[1],
            "setting": rule[2],
            "now": stops(now, rule),
            "tried": stops(tried, rule) if tried is not None else None,
        }
        for rule in rules
    ]


def _row(row: Row) -> dict[str, Any]:
    order, intent = row.order, row.order.intent
    return {
        "at": UtcField().to_representation(order.at),
        "alert_id": order.alert_id,
        "order_id": order.order_id,
        "line": order.line,
        "strategy_id": intent.strategy_id,
        "symbol": intent.symbol,
        "side": intent.side.value,
        "connection": order.account.name,
        "now": _judgement(row.now),
        "tried": _judgement(row.tried) if row.tried is not None else None,
    }


def _judgement(one: Judgement) -> dict[str, Any]:
    return {
        "outcome": one.outcome.value,
        "requested_qty": one.asked,
        "final_qty": one.quantity,
        "realised": None if one.realised is None else plain(one.realised),
        "reasons": [
            {
                "outcome": reason.outcome.value,
                "code": reason.code,
                "scope": reason.scope,
                "setting": reason.setting,
                "message": reason.text,
            }
            for reason in one.reasons
        ],
    }
