"""manage.py syncinstruments: load the broker's instrument list now."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.port import InstrumentRow
from brokers.registry import broker_for
from sigmatrader import clock
from trading.domain.values import ExecutionTarget
from trading.models import InstrumentLoad
from trading.services import instrument_csv, instrument_list
from trading.services.connections import default_connection
from trading.services.errors import ServiceError
from trading.templatetags.money import qty


class Command(BaseCommand):
    help = (
        "Load the instrument list now: from the broker (the worker does it daily at 08:30 IST), "
        "or from a CSV file of the broker's."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--file", help="a CSV file with the columns of Kite's list")
        source.add_argument("--connection", help="the account to ask (default: the live default)")
        parser.add_argument(
            "--accept-smaller",
            action="store_true",
            help="take a list that lacks an exchange, or is less than half of the one in use",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        accept = options["accept_smaller"]
        try:
            if options["file"]:
                loaded = _from_file(Path(options["file"]), accept)
            else:
                loaded = _from_broker(_connection(options["connection"]), accept)
        except (BrokerError, ServiceError) as error:
            raise CommandError(str(error)) from None
        if not loaded.whole:
            raise CommandError(loaded.error)
        skipped = f", {qty(loaded.skipped)} lines left out" if loaded.skipped else ""
        self.stdout.write(f"{qty(loaded.rows)} instruments of {loaded.listed_on}{skipped}.")


def _connection(name: str | None) -> BrokerConnection:
    if name is None:
        found = default_connection(ExecutionTarget.LIVE)
        if found is None:
            raise CommandError("No live account is connected: add one, or give --file.")
        return found
    named = BrokerConnection.objects.filter(name=name).first()
    if named is None:
        known = ", ".join(BrokerConnection.objects.values_list("name", flat=True))
        raise CommandError(f"There is no account {name}. Accounts: {known or '(none)'}.")
    return named


def _from_broker(connection: BrokerConnection, accept: bool) -> InstrumentLoad:
    rows = broker_for(connection).instruments()
    return instrument_list.load(rows, connection, clock.now(), accept_smaller=accept)


def _from_file(path: Path, accept: bool) -> InstrumentLoad:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows: Iterator[InstrumentRow] = instrument_csv.read(lines)
            return instrument_list.load(rows, None, clock.now(), accept_smaller=accept)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}") from None
