"""manage.py kitesim: a simulated Kite Connect for the demo, for tests, and to try things out."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokers.simulator.server import REDIRECT_URL, KiteSimulator

DEFAULT_PORT = 8090


class Command(BaseCommand):
    help = (
        "Run a simulated Zerodha on this machine: the Kite Connect API, its login page, a market "
        "that moves. No account, no money. It listens on 127.0.0.1 only."
    )
    # It needs no database and none of the app's settings.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=DEFAULT_PORT, help="default %(default)s; 0: any free one"
        )
        parser.add_argument(
            "--speed", type=float, default=1.0, help="times as fast as real time (default 1)"
        )
        parser.add_argument("--seed", type=int, default=1, help="of the prices (default 1)")
        parser.add_argument("--api-key", default="simkey", help="default %(default)s")
        parser.add_argument("--api-secret", default="simsecret", help="default %(default)s")
        parser.add_argument(
            "--redirect-url", default=REDIRECT_URL, help="where a login returns to: %(default)s"
        )
        parser.add_argument("--postback-url", default="", help="where order updates are pushed to")
        parser.add_argument(
            "--keep-hours", action="store_true", help="trade at the exchange's hours only"
        )
        parser.add_argument(
            "--no-rate-limits", action="store_true", help="take any number of requests a second"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["speed"] <= 0:
            raise CommandError("--speed: give a number above 0.")
        simulator = KiteSimulator(
            port=options["port"],
            api_key=options["api_key"],
            api_secret=options["api_secret"],
            redirect_url=options["redirect_url"],
            postback_url=options["postback_url"],
            speed=options["speed"],
            seed=options["seed"],
            always_open=not options["keep_hours"],
            rate_limits=not options["no_rate_limits"],
        )
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        try:
            simulator.start()
        except (OSError, OverflowError) as error:
            raise CommandError(f"--port {options['port']}: {error}") from None
        try:
            self.stdout.write(simulator.root)
            self.stdout.flush()
            ended.wait()
        finally:
            simulator.stop()
