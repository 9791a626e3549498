"""manage.py up: first-run set-up, then web and worker, restarted when they die."""

import io
import json
import os
import shlex
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from brokers.models import BrokerConnection, ConnectionKind
from sigmatrader.first_run import ADMIN_USER, FirstRun, prepare
from trading.services import webhook_secrets

_PROGRAM = """
[program:{name}]
command={command}
directory={directory}
environment=ST_PROCESS="{name}",PYTHONUNBUFFERED="1"
autorestart=true
startsecs=1
startretries=1000000
stopsignal=TERM
stopwaitsecs={stop_seconds}
killasgroup=true
stopasgroup=false
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
redirect_stderr=true
"""


class Command(BaseCommand):
    help = "Set up on the first run, then run the web server and the worker until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-worker", action="store_true", help="the web server alone")

    def handle(self, *args: Any, **options: Any) -> None:
        self._check_port()
        call_command("check", fail_level="ERROR", stdout=io.StringIO())
        first_run = prepare()
        programs = ["web"] if options["no_worker"] else ["web", "worker"]
        configuration = self._write_configuration(programs)
        self._greet(first_run, with_worker="worker" in programs)
        self.stdout.flush()
        os.execv(
            sys.executable,
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)],
        )

    def _check_port(self) -> None:
        st = settings.ST
        family = socket.AF_INET6 if ":" in st.HOST else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((st.HOST, st.PORT))
            except OSError as error:
                raise CommandError(
                    f"ST_HOST={st.HOST} ST_PORT={st.PORT}: the address can't be had "
                    f"({error.strerror}). Is SigmaTrader running already? "
                    "Choose another ST_PORT, or stop what uses this one."
                ) from None

    def _commands(self) -> dict[str, str]:
        st = settings.ST
        python = sys.executable
        host = f"[{st.HOST}]" if ":" in st.HOST else st.HOST
        threads = os.environ.get("ST_WEB_THREADS", "16")
        web = (
            f"{python} -m gunicorn sigmatrader.wsgi:application --bind {host}:{st.PORT} "
            "--worker-class sigmatrader.web_worker.ImpatientWorker --workers 1 "
            f"--threads {threads} --timeout 60 "
            "--graceful-timeout 12 --keep-alive 15 --limit-request-line 4094 "
            "--log-level warning --no-control-socket --forwarded-allow-ips ''"
        )
        # This command has just checked: each of its workers would only start later.
        worker = f"{python} {settings.BASE_DIR / 'manage.py'} worker --skip-checks"
        return {"web": web, "worker": worker}

    def _write_configuration(self, programs: list[str]) -> Path:
        data_dir = settings.ST.DATA_DIR
        (data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
        commands = self._commands()
        stop_seconds = int(settings.ST.lease_seconds) + 5
        text = (
            "[supervisord]\nnodaemon=true\nloglevel=error\n"
            f"logfile={data_dir / 'logs' / 'supervisor.log'}\nlogfile_maxbytes=1MB\n"
            f"pidfile={data_dir / 'supervisor.pid'}\n"
            + ("user=root\n" if os.geteuid() == 0 else "")
        )
        for name in programs:
            text += _PROGRAM.format(
                name=name,
                command=commands[name].replace("%", "%%"),
                directory=settings.BASE_DIR,
                stop_seconds=stop_seconds,
            )
        path = data_dir / "supervisor.conf"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def _greet(self, first_run: FirstRun, *, with_worker: bool) -> None:
        st = settings.ST
        host = "127.0.0.1" if st.HOST in ("0.0.0.0", "::") else st.HOST  # noqa: S104
        address = st.PUBLIC_URL or f"http://{host}:{st.PORT}"
        lines = ["", f"  SigmaTrader {settings.VERSION}  ·  {address}"]
        if first_run.user_created:
            lines.append(f"  Log in as      {ADMIN_USER}")
            lines.append(
                f"  Password       {first_run.new_password}   (shown this once)"
                if first_run.new_password
                else "  Password       the one in ST_ADMIN_PASSWORD"
            )
        lines += [
            f"  Webhook        {address}/webhook/tradingview",
            f"  Data           {st.DATA_DIR}",
            "",
            "  A first alert, from another terminal in this folder:",
            f"    .venv/bin/python manage.py sendalert --sample entry{self._url_option(address)}",
            *self._curl(address),
            "",
            f"  {_whose_money()}" + ("" if with_worker else "  No worker: queued orders wait."),
            "  Ctrl-C stops everything.",
            "",
        ]
        self.stdout.write("\n".join(lines))

    def _url_option(self, address: str) -> str:
        """Another terminal knows the address only when a file says it."""
        known = {"ST_HOST": "127.0.0.1", "ST_PORT": "8000"}
        if all(os.environ.get(name, usual) == usual for name, usual in known.items()):
            return ""
        return f" --url {address}/webhook/tradingview"

    def _curl(self, address: str) -> list[str]:
        """The same by hand, if the secret is still the generated one. It is read, not shown."""
        secrets_file = settings.ST.DATA_DIR / "secrets.env"
        line = f"ST_TRADINGVIEW_WEBHOOK_SECRET={webhook_secrets.current()}"
        if line not in secrets_file.read_text().splitlines():
            return []
        body = {
            "strategy_name": "first",
            "symbol": "NSE:INFY",
            "trade_details": {"order_action": "BUY", "quantity": 1, "price": 1500},
        }
        return [
            "  or by hand:",
            f"    curl -X POST {address}/webhook/tradingview \\",
            "      -H 'Content-Type: application/json' \\",
            '      -H "X-SigmaTrader-Secret: $(sed -n '
            f"'s/^ST_TRADINGVIEW_WEBHOOK_SECRET=//p' {shlex.quote(str(secrets_file))})\" \\",
            f"      -d '{json.dumps(body)}'",
        ]


def _whose_money() -> str:
    """Where orders can go, in one sentence."""
    kinds = BrokerConnection.objects.filter(enabled=True).values_list("kind", flat=True)
    if ConnectionKind.LIVE in kinds:
        return "A live account is connected: LIVE strategies move real money."
    if ConnectionKind.SIMULATOR in kinds:
        return "Paper and simulator accounts only: nothing is sent to a real broker."
    return "Paper account only: nothing is sent to a real broker."
