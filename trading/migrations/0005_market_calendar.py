"""The market calendar: days and hours of India's exchanges, with what is known of 2026."""

from datetime import date, time

from django.db import migrations, models

COVERED_UNTIL = date(2026, 12, 31)
HOLIDAYS = "Holiday lists of NSE and MCX for 2026"
HOURS = "Hours of the exchange; Zerodha's square-off and after-market times of September 2026"

EQUITY, DERIVATIVES, CURRENCY, COMMODITY = "EQUITY", "DERIVATIVES", "CURRENCY", "COMMODITY"

SEGMENTS = [
    {
        "segment": EQUITY,
        "pre_open": time(9),
        "opens": time(9, 15),
        "closes": time(15, 30),
        "mis_square_off_minutes": 5,
        "amo_opens": time(16),
        "amo_closes": time(8, 58),
        "auction_since": date(2026, 8, 3),
        "continuous_until": time(15, 15),
        "auction_opens": time(15, 20),
        "auction_closes": time(15, 35),
        "auction_square_off_minutes": 3,
    },
    {
        "segment": DERIVATIVES,
        "opens": time(9, 15),
        "closes": time(15, 40),
        "mis_square_off_minutes": 14,
        "amo_opens": time(15, 45),
        "amo_closes": time(9, 10),
    },
    {
        "segment": CURRENCY,
        "opens": time(9),
        "closes": time(17),
        "amo_opens": time(17),
        "amo_closes": time(8, 59),
    },
    {
        "segment": COMMODITY,
        "opens": time(9),
        "closes": time(23, 30),
        "winter_closes": time(23, 55),
        "mis_square_off_minutes": 10,
        "amo_closes": time(8, 58),
    },
]
# Month, day, why, and when commodities close after their evening session (None: they have none).
LATE, EARLY = time(23, 55), time(23, 30)
CLOSED = [
    (1, 15, "Municipal elections in Maharashtra", LATE),
    (1, 26, "Republic Day", None),
    (3, 3, "Holi", LATE),
    (3, 26, "Ram Navami", EARLY),
    (3, 31, "Mahavir Jayanti", EARLY),
    (4, 3, "Good Friday", None),
    (4, 14, "Ambedkar Jayanti", EARLY),
    (5, 1, "Maharashtra Day", EARLY),
    (5, 28, "Bakri Id", EARLY),
    (6, 26, "Muharram", EARLY),
    (9, 14, "Ganesh Chaturthi", EARLY),
    (10, 2, "Gandhi Jayanti", None),
    (10, 20, "Dussehra", EARLY),
    (11, 10, "Diwali Balipratipada", LATE),
    (11, 24, "Guru Nanak Jayanti", LATE),
    (12, 25, "Christmas", None),
]
# Without times: the hours were not known when this was written.
SESSIONS = [
    (COMMODITY, date(2026, 1, 1), time(9), time(17), "New Year: no evening session"),
    (EQUITY, date(2026, 2, 1), time(9, 15), time(15, 30), "Union Budget, a Sunday"),
    (DERIVATIVES, date(2026, 2, 1), time(9, 15), time(15, 30), "Union Budget, a Sunday"),
    (COMMODITY, date(2026, 2, 1), time(9), time(17), "Union Budget, a Sunday"),
    (EQUITY, date(2026, 11, 8), None, None, "Muhurat trading"),
    (DERIVATIVES, date(2026, 11, 8), None, None, "Muhurat trading"),
    (CURRENCY, date(2026, 11, 8), None, None, "Muhurat trading"),
    (COMMODITY, date(2026, 11, 8), None, None, "Muhurat trading"),
]


def seed(apps, schema_editor):
    hours = apps.get_model("trading", "MarketHours")
    for values in SEGMENTS:
        given = {**values, "covered_until": COVERED_UNTIL, "source": HOURS}
        hours.objects.get_or_create(segment=given.pop("segment"), defaults=given)
    days = apps.get_model("trading", "MarketDay")
    for segment, day, kind, opens, closes, note in special_days():
        days.objects.get_or_create(
            segment=segment,
            date=day,
            defaults={
                "kind": kind, "opens": opens, "closes": closes, "note": note, "source": HOLIDAYS
            },
        )


def special_days():
    for segment, day, opens, closes, note in SESSIONS:
        yield segment, day, "SESSION", opens, closes, note
    for month, number, note, evening in CLOSED:
        day = date(2026, month, number)
        for segment in (EQUITY, DERIVATIVES, CURRENCY):
            yield segment, day, "CLOSED", None, None, note
        if evening is None:
            yield COMMODITY, day, "CLOSED", None, None, note
        else:
            yield COMMODITY, day, "SESSION", time(17), evening, f"{note}: evening session only"


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0004_fill_booked_at'),
    ]

    operations = [
        migrations.CreateModel(
            name='MarketDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('segment', models.CharField(choices=[('EQUITY', 'EQUITY (shares: NSE, BSE)'), ('DERIVATIVES', 'DERIVATIVES (futures and options: NFO, BFO)'), ('CURRENCY', 'CURRENCY (currency: CDS, BCD)'), ('COMMODITY', 'COMMODITY (commodities: MCX, NCO)')], max_length=16)),
                ('date', models.DateField()),
                ('kind', models.CharField(choices=[('CLOSED', 'CLOSED: a holiday'), ('SESSION', 'SESSION: trades, from and until the times given')], max_length=16)),
                ('opens', models.TimeField(blank=True, help_text='IST. Empty in a SESSION: not known yet, a person decides.', null=True)),
                ('closes', models.TimeField(blank=True, help_text='IST.', null=True)),
                ('note', models.CharField(blank=True, help_text='Which holiday or occasion.', max_length=255)),
                ('source', models.CharField(blank=True, help_text='Where this is from.', max_length=255)),
            ],
            options={
                'db_table': 'market_days',
                'ordering': ['date', 'segment'],
                'constraints': [models.UniqueConstraint(fields=('segment', 'date'), name='market_days_once', violation_error_message='This segment has that date already: change its row.'), models.CheckConstraint(condition=models.Q(models.Q(('closes__isnull', True), ('kind__in', ['CLOSED', 'SESSION']), ('opens__isnull', True)), models.Q(('closes__isnull', False), ('kind', 'SESSION'), ('opens__isnull', False), ('opens__lt', models.F('closes'))), _connector='OR'), name='market_days_times'), models.CheckConstraint(condition=models.Q(('segment__in', ['EQUITY', 'DERIVATIVES', 'CURRENCY', 'COMMODITY'])), name='market_days_segment_word')],
            },
        ),
        migrations.CreateModel(
            name='MarketHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('segment', models.CharField(choices=[('EQUITY', 'EQUITY (shares: NSE, BSE)'), ('DERIVATIVES', 'DERIVATIVES (futures and options: NFO, BFO)'), ('CURRENCY', 'CURRENCY (currency: CDS, BCD)'), ('COMMODITY', 'COMMODITY (commodities: MCX, NCO)')], max_length=16, unique=True)),
                ('opens', models.TimeField(help_text='When trading begins.')),
                ('closes', models.TimeField(help_text='When trading ends.')),
                ('winter_closes', models.TimeField(blank=True, help_text='The close while New York keeps winter time. Empty: the same all year.', null=True)),
                ('pre_open', models.TimeField(blank=True, help_text='From when orders are collected for the open. Empty: there is no pre-open.', null=True)),
                ('mis_square_off_minutes', models.PositiveSmallIntegerField(default=0, help_text='How many minutes before the close the broker ends MIS positions.')),
                ('amo_opens', models.TimeField(blank=True, help_text='From when the broker takes after-market orders. Empty: from the close.', null=True)),
                ('amo_closes', models.TimeField(help_text='Until when it does on the next morning.')),
                ('auction_since', models.DateField(blank=True, help_text='The first day with a closing auction of shares with F&O.', null=True)),
                ('continuous_until', models.TimeField(blank=True, help_text='When shares with F&O stop trading as usual.', null=True)),
                ('auction_opens', models.TimeField(blank=True, help_text='From when the closing auction takes orders.', null=True)),
                ('auction_closes', models.TimeField(blank=True, help_text='When the closing auction is over.', null=True)),
                ('auction_square_off_minutes', models.PositiveSmallIntegerField(blank=True, help_text='How many minutes before that the broker ends MIS positions in these shares.', null=True)),
                ('covered_until', models.DateField(help_text='The last day whose holidays are all entered. Past it a person decides.')),
                ('source', models.CharField(blank=True, help_text='Where this is from.', max_length=255)),
            ],
            options={
                'verbose_name_plural': 'market hours',
                'db_table': 'market_hours',
                'ordering': ['id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('opens__lt', models.F('closes'))), name='market_hours_open_first', violation_error_message='The session must open before it closes.'), models.CheckConstraint(condition=models.Q(('winter_closes__isnull', True), ('winter_closes__gt', models.F('opens')), _connector='OR'), name='market_hours_winter_close', violation_error_message='The winter close must be after the open.'), models.CheckConstraint(condition=models.Q(('pre_open__isnull', True), ('pre_open__lt', models.F('opens')), _connector='OR'), name='market_hours_pre_open_first', violation_error_message='The pre-open must begin before the open.'), models.CheckConstraint(condition=models.Q(('amo_closes__lte', models.F('opens')), models.Q(('amo_opens__isnull', True), ('amo_opens__gte', models.F('closes')), _connector='OR')), name='market_hours_amo_outside', violation_error_message='After-market orders are taken from the close on, or later, until the open, or earlier.'), models.CheckConstraint(condition=models.Q(models.Q(('auction_closes__isnull', True), ('auction_opens__isnull', True), ('auction_since__isnull', True), ('auction_square_off_minutes__isnull', True), ('continuous_until__isnull', True)), models.Q(('auction_closes__isnull', False), ('auction_opens__isnull', False), ('auction_opens__lt', models.F('auction_closes')), ('auction_since__isnull', False), ('auction_square_off_minutes__isnull', False), ('closes__gte', models.F('continuous_until')), ('continuous_until__isnull', False), ('continuous_until__lte', models.F('auction_opens')), ('opens__lt', models.F('continuous_until'))), _connector='OR'), name='market_hours_auction', violation_error_message='Fill in all of the closing auction or nothing, its times in order and its begin inside the session.'), models.CheckConstraint(condition=models.Q(('segment__in', ['EQUITY', 'DERIVATIVES', 'CURRENCY', 'COMMODITY'])), name='market_hours_segment_word')],
            },
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
