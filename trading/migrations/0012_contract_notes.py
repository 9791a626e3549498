"""What brokers say that executed orders cost; and NSE's investor protection fund in its charges.

From October 2024 to February 2026 NSE listed the fund's contribution (IPFT) apart from its
transaction charge; since then it is part of it, for shares and their derivatives. A contract note
has one figure for both all along. The rates that came with the program were without it.
"""

from datetime import date
from decimal import Decimal
from importlib import import_module

import django.db.models.deletion
import sigmatrader.fields
from django.db import migrations, models
from sigmatrader import clock

OCTOBER_2024 = date(2024, 10, 1)
SOURCE = (
    "Zerodha's list of charges as of October 2024, NSE's investor protection fund (IPFT) added to "
    "its transaction charge as on contract notes; looked up in November 2026"
)
# Percent: ₹10 a crore for shares and futures, ₹50 for options, ₹5 and ₹200 for currencies.
TRANSACTION = {
    ("EQUITY_INTRADAY", "NSE"): "0.00307",
    ("EQUITY_DELIVERY", "NSE"): "0.00307",
    ("EQUITY_MTF", "NSE"): "0.00307",
    ("FUTURES", "NFO"): "0.00183",
    ("OPTIONS", "NFO"): "0.03553",
    ("CURRENCY_FUTURES", "CDS"): "0.0004",
    ("CURRENCY_OPTIONS", "CDS"): "0.0331",
}


def correct(apps, schema_editor):
    """Rows that are as they came: one that somebody has changed is theirs."""
    shipped = import_module("trading.migrations.0009_performance")
    rows = apps.get_model("trading", "ChargeRate").objects.filter(valid_from=OCTOBER_2024)
    for segment, exchange, transaction, rates in shipped.RATES[OCTOBER_2024]:
        if (segment, exchange) not in TRANSACTION:
            continue
        given = {**shipped.COMMON, **rates, "transaction": transaction}
        rows.filter(
            segment=segment,
            exchange=exchange,
            source=shipped.SOURCES[OCTOBER_2024],
            **{name: Decimal(rate) for name, rate in given.items() if rate is not None},
            **{f"{name}__isnull": True for name, rate in given.items() if rate is None},
        ).update(transaction=Decimal(TRANSACTION[segment, exchange]), source=SOURCE)


def add_up_the_past(apps, schema_editor):
    """Have the worker work out charges by these rates, and what of them brokers have told."""
    rebuilds = apps.get_model("trading", "AnalyticsRebuild").objects
    traded = apps.get_model("trading", "Fill").objects.exists()
    if traded and not rebuilds.filter(started_at=None).exists():
        rebuilds.create(asked_by="the update", asked_at=clock.now())


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0003_risk_facts'),
        ('trading', '0011_settlements'),
    ]

    operations = [
        migrations.AddField(
            model_name='daytotal',
            name='told_charges',
            field=sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text="Of the charges, rupees that are the broker's word."),
        ),
        migrations.CreateModel(
            name='ChargesRead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('orders', models.PositiveIntegerField(default=0)),
                ('told', models.PositiveIntegerField(default=0)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('tried_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='brokers.brokerconnection')),
            ],
            options={
                'verbose_name': 'asking for charges',
                'verbose_name_plural': 'asking for charges',
                'db_table': 'charges_reads',
                'constraints': [models.UniqueConstraint(fields=('connection', 'day'), name='charges_reads_once'), models.CheckConstraint(condition=models.Q(('told__lte', models.F('orders'))), name='charges_reads_told')],
            },
        ),
        migrations.CreateModel(
            name='OrderCharges',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('quantity', models.BigIntegerField()),
                ('price', sigmatrader.fields.ScaledDecimalField()),
                ('total', sigmatrader.fields.ScaledDecimalField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('refusals', models.PositiveSmallIntegerField(default=0)),
                ('told_at', models.DateTimeField()),
                ('order', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='broker_charges', to='trading.order')),
            ],
            options={
                'verbose_name': 'charges the broker told',
                'verbose_name_plural': 'charges the broker told',
                'db_table': 'order_charges',
                'constraints': [models.CheckConstraint(condition=models.Q(('quantity__gt', 0), models.Q(('total__isnull', True), ('total__gte', 0), _connector='OR')), name='order_charges_positive')],
            },
        ),
        migrations.RunPython(correct, migrations.RunPython.noop),
        migrations.RunPython(add_up_the_past, migrations.RunPython.noop),
    ]
