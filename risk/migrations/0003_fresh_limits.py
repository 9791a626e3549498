"""GLOBAL settings that were made before these limits existed begin with what is usual."""

from decimal import Decimal

from django.db import migrations
from django.utils import timezone

USUAL = {
    "duplicate_order": 30,
    "stale_alert": Decimal("0.5"),
    "self_match": True,
    "circuit_breaker": 3,
    "circuit_breaker_unknown": 3,
    "mis_cutoff": 15,
    "clock_skew": Decimal(2),
    "clock_skew_warn": Decimal("0.5"),
}


def add(apps, schema_editor):
    for row in apps.get_model("risk", "RiskSettings").objects.filter(scope="GLOBAL"):
        for name, value in USUAL.items():
            setattr(row, name, value)
        row.version += 1
        row.save()
        apps.get_model("risk", "RiskSettingsChange").objects.create(
            settings=row,
            scope="GLOBAL",
            label="GLOBAL",
            version=row.version,
            old={},
            new={name: str(value) if isinstance(value, Decimal) else value for name, value in USUAL.items()},
            reason="Controls of this version, at their usual values.",
            actor="upgrade",
            at=timezone.now(),
        )


class Migration(migrations.Migration):

    dependencies = [
        ('risk', '0002_controls'),
    ]

    operations = [
        migrations.RunPython(add, migrations.RunPython.noop),
    ]
