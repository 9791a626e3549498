"""manage.py importcalendar: take special days of the market calendar from a CSV file."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.services import calendar_import


class Command(BaseCommand):
    help = (
        "Take holidays and special sessions from a CSV file with the columns "
        f"{','.join(calendar_import.COLUMNS)}. A day that is there already is replaced. When a "
        "line is wrong nothing is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the CSV file, UTF-8")
        parser.add_argument(
            "--until",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="all days of the segments in the file are known until this one",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error.strerror}.") from None
        try:
            done = calendar_import.take(data, source=path.name, until=options["until"])
        except calendar_import.BadFile as error:
            raise CommandError(error.message) from None
        self.stdout.write(str(done))
