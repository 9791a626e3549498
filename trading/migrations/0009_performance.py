"""Charges, and totals by day, with the charges that Zerodha publishes."""

from datetime import date
from decimal import Decimal

import django.db.models.deletion
import sigmatrader.fields
from django.db import migrations, models
from sigmatrader import clock

OCTOBER_2024, APRIL_2026 = date(2024, 10, 1), date(2026, 4, 1)
SOURCES = {
    OCTOBER_2024: "Zerodha's list of charges as of October 2024, when exchanges began to charge "
    "everybody the same",
    APRIL_2026: "Zerodha's list of charges as of April 2026, with that budget's STT on derivatives",
}
COMMON = {"sebi": "0.0001", "gst": "18"}
CAPPED = {"brokerage_percent": "0.03", "brokerage_cap": "20"}
FLAT = {"brokerage_percent": None, "brokerage_cap": "20"}
INTRADAY = {**CAPPED, "tax_sell": "0.025", "stamp_buy": "0.003"}
DELIVERY = {"tax_buy": "0.1", "tax_sell": "0.1", "stamp_buy": "0.015", "depository": "13"}
BORROWED = {**DELIVERY, "brokerage_percent": "0.3", "brokerage_cap": "20"}
FUTURES = {**CAPPED, "stamp_buy": "0.002"}
OPTIONS = {**FLAT, "stamp_buy": "0.003"}
CURRENCY = {"stamp_buy": "0.0001"}
SHARES = (
    ("EQUITY_INTRADAY", INTRADAY), ("EQUITY_DELIVERY", DELIVERY), ("EQUITY_MTF", BORROWED)
)
# Segment, exchange, transaction charge, what else.
RATES = {
    OCTOBER_2024: [
        *((name, "NSE", "0.00297", rates) for name, rates in SHARES),
        *((name, "BSE", "0.00375", rates) for name, rates in SHARES),
        ("FUTURES", "NFO", "0.00173", {**FUTURES, "tax_sell": "0.02"}),
        ("FUTURES", "BFO", "0", {**FUTURES, "tax_sell": "0.02"}),
        ("OPTIONS", "NFO", "0.03503", {**OPTIONS, "tax_sell": "0.1"}),
        ("OPTIONS", "BFO", "0.0325", {**OPTIONS, "tax_sell": "0.1"}),
        ("CURRENCY_FUTURES", "CDS", "0.00035", {**CAPPED, **CURRENCY}),
        ("CURRENCY_FUTURES", "BCD", "0.00045", {**CAPPED, **CURRENCY}),
        ("CURRENCY_OPTIONS", "CDS", "0.0311", {**FLAT, **CURRENCY}),
        ("CURRENCY_OPTIONS", "BCD", "0.001", {**FLAT, **CURRENCY}),
        ("COMMODITY_FUTURES", "MCX", "0.0021", {**FUTURES, "tax_sell": "0.01"}),
        ("COMMODITY_FUTURES", "NCO", "0.0001", {**FUTURES, "tax_sell": "0.01"}),
        ("COMMODITY_OPTIONS", "MCX", "0.0418", {**OPTIONS, "tax_sell": "0.05"}),
        ("COMMODITY_OPTIONS", "NCO", "0.001", {**OPTIONS, "tax_sell": "0.05"}),
    ],
    APRIL_2026: [
        *((name, "NSE", "0.00307", rates) for name, rates in SHARES),
        ("FUTURES", "NFO", "0.00183", {**FUTURES, "tax_sell": "0.05"}),
        ("FUTURES", "BFO", "0", {**FUTURES, "tax_sell": "0.05"}),
        ("OPTIONS", "NFO", "0.03553", {**OPTIONS, "tax_sell": "0.15"}),
        ("OPTIONS", "BFO", "0.0325", {**OPTIONS, "tax_sell": "0.15"}),
    ],
}


def seed(apps, schema_editor):
    table = apps.get_model("trading", "ChargeRate")
    for valid_from, rows in RATES.items():
        for segment, exchange, transaction, rates in rows:
            given = {**COMMON, **rates, "transaction": transaction}
            table.objects.get_or_create(
                segment=segment,
                exchange=exchange,
                valid_from=valid_from,
                defaults={
                    "source": SOURCES[valid_from],
                    **{name: None if rate is None else Decimal(rate) for name, rate in given.items()},
                },
            )


def add_up_the_past(apps, schema_editor):
    """Have the worker work out what trades of the past cost and add up to."""
    if apps.get_model("trading", "Fill").objects.exists():
        rebuilds = apps.get_model("trading", "AnalyticsRebuild").objects
        rebuilds.create(asked_by="the update", asked_at=clock.now())


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0003_risk_facts'),
        ('trading', '0008_open_fills'),
    ]

    operations = [
        migrations.CreateModel(
            name='AnalyticsRebuild',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_by', models.CharField(blank=True, max_length=150)),
                ('asked_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('total', models.PositiveIntegerField(default=0, help_text='Days of accounts.')),
                ('error', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'analytics_rebuilds',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ChargeRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('segment', models.CharField(choices=[('EQUITY_INTRADAY', 'EQUITY_INTRADAY (shares within the day)'), ('EQUITY_DELIVERY', 'EQUITY_DELIVERY (shares, delivery)'), ('EQUITY_MTF', 'EQUITY_MTF (shares, delivery with borrowed money)'), ('FUTURES', 'FUTURES (futures on shares and indices)'), ('OPTIONS', 'OPTIONS (options on shares and indices)'), ('CURRENCY_FUTURES', 'CURRENCY_FUTURES (currency futures)'), ('CURRENCY_OPTIONS', 'CURRENCY_OPTIONS (currency options)'), ('COMMODITY_FUTURES', 'COMMODITY_FUTURES (commodity futures)'), ('COMMODITY_OPTIONS', 'COMMODITY_OPTIONS (commodity options)')], max_length=24)),
                ('exchange', models.CharField(choices=[('NSE', 'NSE'), ('BSE', 'BSE'), ('NFO', 'NFO'), ('BFO', 'BFO'), ('CDS', 'CDS'), ('BCD', 'BCD'), ('MCX', 'MCX'), ('NCO', 'NCO')], max_length=8)),
                ('valid_from', models.DateField(help_text='The first day of these rates; they hold until a later row begins. Days before the first row go by the first.')),
                ('brokerage_percent', sigmatrader.fields.ScaledDecimalField(blank=True, default=Decimal('0'), help_text="Percent of the order's value, at most the cap: 0.03. Empty: every order costs the cap.", null=True, scale=6)),
                ('brokerage_cap', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text='Rupees for one executed order, at most: 20.')),
                ('tax_buy', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text='Percent. STT or CTT when buying: 0.1 for delivery.', scale=6)),
                ('tax_sell', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text='Percent. STT or CTT when selling: 0.025 for shares within the day.', scale=6)),
                ('transaction', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text="Percent. The exchange's transaction charge: 0.00307 for shares at NSE.", scale=6)),
                ('sebi', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text="Percent. SEBI's fee: 0.0001, which is ₹10 a crore.", scale=6)),
                ('stamp_buy', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text='Percent. Stamp duty when buying: 0.015 for delivery.', scale=6)),
                ('gst', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text="Percent. GST on brokerage, transaction charge and SEBI's fee: 18.", scale=6)),
                ('depository', sigmatrader.fields.ScaledDecimalField(default=Decimal('0'), help_text="Rupees before GST for one company's shares sold from delivery on one day: 13.")),
                ('source', models.CharField(blank=True, help_text='Where this is from, and when.', max_length=255)),
            ],
            options={
                'db_table': 'charge_rates',
                'ordering': ['segment', 'exchange', '-valid_from'],
            },
        ),
        migrations.CreateModel(
            name='DayDue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('failed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'analytics_days_due',
                'ordering': ['day', 'id'],
            },
        ),
        migrations.CreateModel(
            name='DayExposure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('whole', models.BooleanField()),
                ('day', models.DateField()),
                ('highest', sigmatrader.fields.ScaledDecimalField()),
                ('carried', sigmatrader.fields.ScaledDecimalField(help_text='At the end of the day.')),
            ],
            options={
                'db_table': 'analytics_day_exposure',
            },
        ),
        migrations.CreateModel(
            name='DayTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('kind', models.CharField(choices=[('DAY', 'Day'), ('SYMBOL', 'Symbol'), ('HOUR', 'Hour')], max_length=8)),
                ('exchange', models.CharField(blank=True, max_length=64)),
                ('symbol', models.CharField(blank=True, max_length=128)),
                ('hour', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('trades', models.PositiveIntegerField()),
                ('wins', models.PositiveIntegerField()),
                ('losses', models.PositiveIntegerField()),
                ('gross', sigmatrader.fields.ScaledDecimalField()),
                ('charges', sigmatrader.fields.ScaledDecimalField()),
                ('won', sigmatrader.fields.ScaledDecimalField(help_text='Net rupees of the wins.')),
                ('lost', sigmatrader.fields.ScaledDecimalField(help_text='Net rupees of the losses, zero or negative.')),
                ('best', sigmatrader.fields.ScaledDecimalField()),
                ('worst', sigmatrader.fields.ScaledDecimalField()),
                ('r_sum', sigmatrader.fields.ScaledDecimalField()),
                ('r_trades', models.PositiveIntegerField()),
                ('held_seconds', models.BigIntegerField()),
                ('told', models.PositiveIntegerField(help_text="Trades whose charges are the broker's word.")),
            ],
            options={
                'db_table': 'analytics_day_totals',
            },
        ),
        migrations.AddField(
            model_name='closedtrade',
            name='depository_charges',
            field=sigmatrader.fields.ScaledDecimalField(blank=True, help_text='For delivery out of the depository, rupees.', null=True),
        ),
        migrations.AddField(
            model_name='closedtrade',
            name='entry_charges',
            field=sigmatrader.fields.ScaledDecimalField(blank=True, help_text='Share in the charges of the entry order, rupees.', null=True),
        ),
        migrations.AddField(
            model_name='closedtrade',
            name='exit_charges',
            field=sigmatrader.fields.ScaledDecimalField(blank=True, help_text='Share in the charges of the exit order, rupees.', null=True),
        ),
        migrations.AddField(
            model_name='closedtrade',
            name='risk',
            field=sigmatrader.fields.ScaledDecimalField(blank=True, help_text="Rupees at stake by the stop of the entry's exit plan.", null=True),
        ),
        migrations.AddField(
            model_name='ordermargin',
            name='charges',
            field=sigmatrader.fields.ScaledDecimalField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='closedtrade',
            index=models.Index(fields=['connection', 'opened_at'], name='analytics_trades_opened'),
        ),
        migrations.AddIndex(
            model_name='closedtrade',
            index=models.Index(fields=['symbol', 'closed_at'], name='analytics_trades_symbol'),
        ),
        migrations.AddConstraint(
            model_name='chargerate',
            constraint=models.UniqueConstraint(fields=('segment', 'exchange', 'valid_from'), name='charge_rates_once', violation_error_message='There are rates from that day already: change that row.'),
        ),
        migrations.AddConstraint(
            model_name='chargerate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('brokerage_percent__isnull', True), ('brokerage_percent__gte', 0), _connector='OR'), ('brokerage_cap__gte', 0), ('depository__gte', 0), ('gst__gte', 0), ('sebi__gte', 0), ('stamp_buy__gte', 0), ('tax_buy__gte', 0), ('tax_sell__gte', 0), ('transaction__gte', 0)), name='charge_rates_positive', violation_error_message='No rate is below 0.'),
        ),
        migrations.AddConstraint(
            model_name='chargerate',
            constraint=models.CheckConstraint(condition=models.Q(('segment__in', ['EQUITY_INTRADAY', 'EQUITY_DELIVERY', 'EQUITY_MTF', 'FUTURES', 'OPTIONS', 'CURRENCY_FUTURES', 'CURRENCY_OPTIONS', 'COMMODITY_FUTURES', 'COMMODITY_OPTIONS'])), name='charge_rates_segment_word'),
        ),
        migrations.AddField(
            model_name='daydue',
            name='connection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='brokers.brokerconnection'),
        ),
        migrations.AddField(
            model_name='daydue',
            name='rebuild',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='due', to='trading.analyticsrebuild'),
        ),
        migrations.AddField(
            model_name='dayexposure',
            name='connection',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='brokers.brokerconnection'),
        ),
        migrations.AddField(
            model_name='dayexposure',
            name='strategy',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to='trading.strategy'),
        ),
        migrations.AddField(
            model_name='daytotal',
            name='connection',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='brokers.brokerconnection'),
        ),
        migrations.AddField(
            model_name='daytotal',
            name='strategy',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to='trading.strategy'),
        ),
        migrations.AddIndex(
            model_name='daydue',
            index=models.Index(fields=['day', 'connection'], name='analytics_days_due_day'),
        ),
        migrations.AddIndex(
            model_name='dayexposure',
            index=models.Index(fields=['connection', 'whole', 'strategy', 'day'], name='analytics_exposure_day'),
        ),
        migrations.AddIndex(
            model_name='dayexposure',
            index=models.Index(fields=['whole', 'strategy', 'day'], name='analytics_exposure_strategy'),
        ),
        migrations.AddIndex(
            model_name='daytotal',
            index=models.Index(fields=['kind', 'symbol', 'day'], name='analytics_totals_symbol'),
        ),
        migrations.AddIndex(
            model_name='daytotal',
            index=models.Index(fields=['connection', 'day'], name='analytics_totals_account'),
        ),
        migrations.AddIndex(
            model_name='daytotal',
            index=models.Index(fields=['strategy', 'kind', 'day'], name='analytics_totals_strategy'),
        ),
        migrations.AddConstraint(
            model_name='daytotal',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['DAY', 'SYMBOL', 'HOUR'])), name='analytics_totals_kind_word'),
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunPython(add_up_the_past, migrations.RunPython.noop),
    ]
