"""manage.py squareoff: cancel what works, close what is open, and say when it is flat."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokers.models import BrokerConnection
from risk.models import SquareOff
from sigmatrader.health import WORKER_STALE_SECONDS
from trading import selectors
from trading.domain.values import Product, StateScope, TradingStateName
from trading.models import Strategy
from trading.services import halting, squareoff
from trading.services.errors import ServiceError

ACTOR = "command line"
_LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Cancel working orders and close open positions of everything, one account or one "
        "strategy, and follow it until it is flat. The worker does it; delivered shares stay. "
        "Without --product the scope becomes REDUCING, and with --halt HALTED once it is flat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--account", help="the name of one account")
        scope.add_argument("--strategy", help="the name of one strategy: only what it opened")
        parser.add_argument("--product", choices=list(Product), help="only positions of a product")
        parser.add_argument("--halt", action="store_true", help="HALTED once it is flat")
        parser.add_argument("--reason", default="asked for on the command line")

    def handle(self, *args: Any, **options: Any) -> None:
        age = selectors.worker_age_seconds()
        if age is None or age > WORKER_STALE_SECONDS:
            raise CommandError("No worker is running, so nobody can square off: start one.")
        try:
            row = _ask(options)
        except ServiceError as error:
            texts = [text for texts in error.errors.values() for text in texts]
            raise CommandError(" ".join(texts) or error.message) from None
        self._follow(row)

    def _follow(self, row: SquareOff) -> None:
        said = ""
        while row.finished_at is None:
            now = squareoff.progress(row).text
            if now != said:
                self.stdout.write(now)
                self.stdout.flush()
                said = now
            time.sleep(_LOOK_SECONDS)
            row.refresh_from_db()
        if row.outcome != squareoff.FLAT:
            raise CommandError(row.outcome)
        self.stdout.write(row.outcome)


def _ask(options: dict[str, Any]) -> SquareOff:
    scope, target = _scope(options)
    if options["product"]:
        return squareoff.begin(
            scope,
            options["reason"],
            ACTOR,
            product=options["product"],
            then_halt=options["halt"],
            **target,
        )
    state = TradingStateName.HALTED if options["halt"] else TradingStateName.REDUCING
    change = halting.set_state(state, scope, options["reason"], ACTOR, **target, square_off=True)
    assert change.square_off is not None
    return change.square_off


def _scope(options: dict[str, Any]) -> tuple[StateScope, dict[str, Any]]:
    if name := options["account"]:
        account = BrokerConnection.objects.filter(name=name).first()
        if account is None:
            raise CommandError(f"There is no account {name}.")
        return StateScope.ACCOUNT, {"connection_id": account.pk}
    if name := options["strategy"]:
        strategy = Strategy.objects.filter(name=name).first()
        if strategy is None:
            raise CommandError(f"There is no strategy {name}.")
        return StateScope.STRATEGY, {"strategy_id": strategy.pk}
    return StateScope.EVERYTHING, {}
