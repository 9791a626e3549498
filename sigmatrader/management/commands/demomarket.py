"""manage.py demomarket: the demo's broker and the one who plays its day. Started by the demo."""

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from brokers.connections import ENVIRONMENT_NAME
from brokers.models import BrokerConnection
from brokers.simulator.clock import SimClock
from brokers.simulator.exchange import Exchange
from brokers.simulator.server import FIRST_USER, KiteSimulator
from sigmatrader import clock
from sigmatrader.demo import environment, wire
from sigmatrader.demo.day import SampleDay
from sigmatrader.demo.losing_day import LosingDay
from sigmatrader.demo.market import DemoMarket
from sigmatrader.demo.stage import DayStopped, Stage

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "The demo's simulated broker and its sample day. Part of `manage.py demo`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--pace", type=float, default=1.0)
        parser.add_argument("--day", choices=environment.DAYS, default=environment.DAYS[0])
        parser.add_argument("--headless-login", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ST.ENVIRONMENT != environment.NAME:
            raise CommandError("This is a part of the demo: use manage.py demo.")
        self._stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        with _simulator(options["port"]) as simulator:
            player = threading.Thread(
                target=self._play,
                args=(simulator, options),
                name="player",
            )
            player.start()
            self._stopping.wait()
            player.join()

    def _play(self, simulator: KiteSimulator, options: dict[str, Any]) -> None:
        account = BrokerConnection.objects.get(name=ENVIRONMENT_NAME)
        stage = Stage(account, self._say, self._stopping, options["pace"])
        try:
            if options["headless_login"]:
                self._log_in(stage)
            stage.wait_for_login()
            market = DemoMarket(simulator, stage.connection.user_id, stage.pause)
            day = LosingDay if options["day"] == "losing" else SampleDay
            day(stage, market).play()
            stage.note(
                "That was the day. Prices and broker go on: execute what waits in the queue, send "
                "alerts of your own, close a position. Ctrl-C stops everything."
            )
        except DayStopped:
            logger.info("the day was stopped")
        except Exception:
            # The broker must stay up: the pages still have its account.
            logger.exception("the day could not be played to its end")
            stage.note("The day could not be played to its end; the log says why.")
        finally:
            connections.close_all()

    def _log_in(self, stage: Stage) -> None:
        """As soon as the web server answers."""
        while True:
            try:
                return wire.log_in(FIRST_USER)
            except OSError:
                stage.pause(0.2)

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}")
        self.stdout.flush()


def _simulator(port: int) -> KiteSimulator:
    """A broker whose clock is the demo's and that keeps the exchange's hours."""
    st = settings.ST
    exchange = Exchange(SimClock(clock.now()), user_id=FIRST_USER)
    simulator = KiteSimulator(
        exchange,
        port=port,
        api_key=st.ZERODHA_API_KEY,
        api_secret=st.ZERODHA_API_SECRET,
        redirect_url=f"{wire.web_address()}/brokers/zerodha/callback/",
        postback_url=f"{wire.web_address()}/webhook/zerodha/postback",
    )
    for each in simulator.exchanges.values():
        # A broker never gives a number twice, and --keep remembers those of the days before.
        each.last_trigger_id = each.at.date().toordinal() * 1000
    return simulator
