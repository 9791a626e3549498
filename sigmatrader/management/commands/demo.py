"""manage.py demo: a sample trading day against the Kite simulator, with data of its own."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from sigmatrader.demo import contents, environment
from sigmatrader.first_run import ADMIN_USER, FirstRun, prepare
from sigmatrader.management.commands.up import Command as Up


class Command(Up):
    help = (
        "Play a sample trading day through the Kite simulator, the official client and all pages. "
        "No account, no money; its own data folder and ports. Ctrl-C stops it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        environment.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ST.ENVIRONMENT != environment.NAME:
            raise CommandError("Start the demo from the command line: manage.py demo.")
        self._market = (
            f"{sys.executable} {settings.BASE_DIR / 'manage.py'} demomarket "
            f"--port {options['broker_port']} --pace {options['pace']} --day {options['day']}"
            + (" --headless-login" if options["headless_login"] else "")
        )
        first_run = prepare()
        contents.fill(options["day"])
        configuration = self._write_configuration(["market", "web", "worker"])
        self._greet(first_run, with_worker=True)
        self.stdout.flush()
        os.execv(
            sys.executable,
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)],
        )

    def _commands(self) -> dict[str, str]:
        return {"market": self._market, **super()._commands()}

    def _greet(self, first_run: FirstRun, *, with_worker: bool) -> None:
        st = settings.ST
        address = f"http://{st.HOST}:{st.PORT}"
        password = first_run.new_password or "the one of the demo's first start"
        lines = (
            "",
            f"  SigmaTrader {settings.VERSION}, demo  ·  {address}",
            f"  Log in as      {ADMIN_USER}",
            f"  Password       {password}",
            f"  Broker         {st.ZERODHA_API_ROOT}, a simulator: no account, no money",
            f"  Data           {st.DATA_DIR}",
            "",
            f"  1. Open {address} and log in.",
            "  2. Press “Log in to Zerodha” at the top of any page, then “Log in as SIM001”.",
            "  3. The day begins: what happens is told here and to be seen on the pages.",
            "  Ctrl-C stops everything.",
            "",
            "",
        )
        self.stdout.write("\n".join(lines))
