"""The exchanges' largest orders (since 1 February 2026) and the commodities' multipliers."""

from django.db import migrations

NSE = "NSE circular, 1 February 2026"
BSE = "BSE circular, 1 February 2026"
CONTRACT = "Contract specification of the exchange"

FREEZE = [
    ("NFO", "NIFTY", 1800, NSE),
    ("NFO", "BANKNIFTY", 600, NSE),
    ("NFO", "FINNIFTY", 1800, NSE),
    ("NFO", "MIDCPNIFTY", 2800, NSE),
    ("NFO", "NIFTYNXT50", 600, NSE),
    ("BFO", "SENSEX", 1000, BSE),
    ("BFO", "BANKEX", 900, BSE),
]
# Rupees per lot and point of the quoted price; the price is quoted per 10 g, kg, barrel or mmBtu.
MULTIPLIERS = [
    ("MCX", "GOLD", 100),
    ("MCX", "GOLDM", 10),
    ("MCX", "GOLDGUINEA", 1),
    ("MCX", "GOLDPETAL", 1),
    ("MCX", "SILVER", 30),
    ("MCX", "SILVERM", 5),
    ("MCX", "SILVERMIC", 1),
    ("MCX", "CRUDEOIL", 100),
    ("MCX", "CRUDEOILM", 10),
    ("MCX", "NATURALGAS", 1250),
    ("MCX", "NATGASMINI", 250),
    ("MCX", "COPPER", 2500),
    ("MCX", "ZINC", 5000),
    ("MCX", "ZINCMINI", 1000),
    ("MCX", "LEAD", 5000),
    ("MCX", "LEADMINI", 1000),
    ("MCX", "ALUMINIUM", 5000),
    ("MCX", "ALUMINI", 1000),
    ("MCX", "NICKEL", 250),
    ("CDS", "USDINR", 1000),
    ("CDS", "EURINR", 1000),
    ("CDS", "GBPINR", 1000),
    ("CDS", "JPYINR", 1000),
]


def seed(apps, schema_editor):
    rule = apps.get_model("trading", "ContractRule")
    for exchange, name, quantity, source in FREEZE:
        rule.objects.get_or_create(
            exchange=exchange, name=name, defaults={"freeze_quantity": quantity, "source": source}
        )
    for exchange, name, multiplier in MULTIPLIERS:
        rule.objects.get_or_create(
            exchange=exchange, name=name, defaults={"multiplier": multiplier, "source": CONTRACT}
        )


class Migration(migrations.Migration):
    dependencies = [("trading", "0002_triggers_and_symbols")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
