"""manage.py worker: the dispatcher, reconciler and clock."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from trading.services.worker import SENDERS, Worker


class Command(BaseCommand):
    help = "Send queued orders, follow them, reconcile. Any number of workers may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--senders",
            type=int,
            default=SENDERS,
            help="how many orders may be on their way to brokers at once (default %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        Worker(senders=max(1, min(options["senders"], 64))).run()
