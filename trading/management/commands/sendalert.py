"""manage.py sendalert: post an alert to the webhook as TradingView does."""

import json
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sigmatrader import clock
from trading.models import Strategy
from trading.services import webhook_secrets

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SECRET = "{{secret}}"
TIMENOW = "{{timenow}}"
TIMEOUT_SECONDS = 10


class Command(BaseCommand):
    help = (
        "Post an alert to the webhook as TradingView does. {{secret}} in the message is replaced "
        "by the stored webhook secret, {{timenow}} by the current time; all else goes as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        message = parser.add_mutually_exclusive_group(required=True)
        message.add_argument("file", nargs="?", help="the message, JSON or plain text")
        message.add_argument(
            "--sample",
            choices=sorted(path.stem for path in SAMPLES.glob("*.json")),
            help="a message that comes with SigmaTrader",
        )
        parser.add_argument("--url", help="the webhook's address (default: this machine's)")
        parser.add_argument("--count", type=int, default=1, help="how many times (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        template = _read(options["file"], options["sample"])
        url = options["url"] or _own_url()
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"--url {url}: give an http or https address.")
        if options["count"] < 1:
            raise CommandError("--count: give a number from 1 on.")
        refused = 0
        for _ in range(options["count"]):
            status, answer = _post(url, _filled(template))
            refused += status >= 300
            self.stdout.write(f"{status} {answer}")
        if refused:
            raise CommandError(f"{refused} of {options['count']} not accepted.")


def _read(file: str | None, sample: str | None) -> str:
    path = Path(file) if file else SAMPLES / f"{sample}.json"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}") from None


def _own_url() -> str:
    host = settings.ST.HOST
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.ST.PORT}/webhook/tradingview"


def _filled(template: str) -> bytes:
    now = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = template.replace(TIMENOW, now)
    if SECRET in text:
        text = text.replace(SECRET, _secret_for(_strategy_name(text)))
    return text.encode()


def _strategy_name(text: str) -> str:
    try:
        message = json.loads(text)
    except ValueError:
        return ""
    return str(message.get("strategy_name", "")) if isinstance(message, dict) else ""


def _secret_for(strategy_name: str) -> str:
    strategy = Strategy.objects.filter(name=strategy_name).first() if strategy_name else None
    own = webhook_secrets.current(strategy) if strategy else None
    secret = own or webhook_secrets.current()
    if secret is None:
        raise CommandError("There is no webhook secret yet: start SigmaTrader once (make run).")
    return secret


def _content_type(body: bytes) -> str:
    """As TradingView chooses it."""
    try:
        json.loads(body)
    except ValueError:
        return "text/plain; charset=utf-8"
    return "application/json; charset=utf-8"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A secret goes where it was sent, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(url: str, body: bytes) -> tuple[int, str]:
    request = urllib.request.Request(  # noqa: S310 - http or https, checked above
        url, data=body, headers={"Content-Type": _content_type(body)}, method="POST"
    )
    # Straight to the server: a proxy of the environment has no business with the secret.
    opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        raise CommandError(
            f"Nobody answers at {url} ({error}). Is SigmaTrader running? Start it with: make run"
        ) from None
