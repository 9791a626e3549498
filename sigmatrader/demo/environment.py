"""What the demo runs in: a data folder, ports, a day and settings of its own. Knows no Django.

It is entered before the settings are read, so nothing of the user's own installation is touched:
neither its folder nor its `.env`, which may name a real account.
"""

import os
import secrets
import shutil
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from sigmatrader import clock
from trading.domain.session import IST, Session, next_session, session_on
from trading.domain.shipped_calendar import COVERED_UNTIL

NAME: Final = "demo"
HOST: Final = "127.0.0.1"
WEB_PORT: Final = 8100
BROKER_PORT: Final = 8110
API_KEY: Final = "demokey"
DAYS: Final = ("sample", "losing")
MARKER: Final = "demo-day"
BASE_DIR: Final = Path(__file__).resolve().parents[2]


class CannotStart(Exception):
    """The demo can't start; the text names the option and the fix."""


def add_arguments(parser: ArgumentParser) -> None:
    """The options of `manage.py demo`."""
    parser.add_argument("--port", type=int, default=WEB_PORT, help="the pages (%(default)s)")
    parser.add_argument(
        "--broker-port", type=int, default=BROKER_PORT, help="the simulated broker (%(default)s)"
    )
    parser.add_argument(
        "--pace",
        type=_pace,
        default=1.0,
        help="how fast the day's events follow each other: 1 takes about five minutes, 2 half of "
        "that. Clocks always run at their usual speed",
    )
    parser.add_argument(
        "--day",
        choices=DAYS,
        default=DAYS[0],
        help="sample: something of everything. losing: losses that stop trading (%(default)s)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="go on with the last demo's data, on the next day"
    )
    parser.add_argument(
        "--data-dir", type=Path, default=BASE_DIR / "var" / "demo", help="its folder (var/demo)"
    )
    parser.add_argument(
        "--headless-login", action="store_true", help="log in to the broker without a browser"
    )


def _pace(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 100:
        raise ValueError(text)
    return value


def enter(arguments: Sequence[str]) -> None:
    """Make the demo's folder and settings this process's own. Exits when that can't be."""
    parser = ArgumentParser(add_help=False)
    add_arguments(parser)
    options, _ = parser.parse_known_args(arguments)
    if {"-h", "--help"} & set(arguments):
        return
    try:
        for option, port in (("--port", options.port), ("--broker-port", options.broker_port)):
            _check_port(option, port)
        day = prepare_folder(options.data_dir, clock.now(), keep=options.keep)
    except CannotStart as error:
        sys.exit(f"The demo can't start: {error}")
    for name in [name for name in os.environ if name.startswith("ST_")]:
        del os.environ[name]
    os.environ.update(settings_of(options, (day.opens_at - clock.now()).total_seconds()))


def settings_of(options: Namespace, offset_seconds: float) -> dict[str, str]:
    """Every ST_* value of the demo. The broker is the simulator; its key opens nothing else."""
    root = f"http://{HOST}:{options.broker_port}"
    return {
        "ST_ENV_FILE": os.devnull,
        "ST_ENVIRONMENT": NAME,
        "ST_DATA_DIR": str(options.data_dir.resolve()),
        "ST_HOST": HOST,
        "ST_PORT": str(options.port),
        "ST_CLOCK_OFFSET_SECONDS": f"{offset_seconds:.3f}",
        "ST_ZERODHA_API_KEY": API_KEY,
        "ST_ZERODHA_API_SECRET": secrets.token_hex(16),
        "ST_ZERODHA_API_ROOT": root,
        "ST_ZERODHA_LOGIN_URL": f"{root}/connect/login",
    }


def prepare_folder(folder: Path, now: datetime, *, keep: bool) -> Session:
    """The session to play. Empties the folder unless `keep`; refuses one that is not the demo's."""
    marker = folder / MARKER
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise CannotStart(
            f"--data-dir {folder}: that folder holds something else. Name an empty or a new one."
        )
    _check_not_running(folder)
    last = date.fromisoformat(marker.read_text()) if keep and marker.exists() else None
    session = choose_session(now, last)
    os.umask(0o077)  # what is written there is the owner's alone
    folder.mkdir(parents=True, exist_ok=True)
    if not keep:
        for path in folder.iterdir():
            if path != marker:  # the last one to go: without it the folder would be a stranger's
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    marker.write_text(session.opens_at.astimezone(IST).date().isoformat())
    return session


def choose_session(now: datetime, last: date | None = None) -> Session:
    """The first NSE session after `now` and after the day played `last`.

    Past the end of the trading calendar it is the calendar's last session: nothing is sent on
    days whose holidays are unknown.
    """
    after = now
    if last is not None:
        after = max(now, datetime.combine(last, datetime.max.time(), tzinfo=IST))
    session = next_session("NSE", after)
    if session.opens_at.astimezone(IST).date() <= COVERED_UNTIL:
        return session
    if last is not None:
        raise CannotStart("--keep: the trading calendar ends here. Start without --keep.")
    day = COVERED_UNTIL
    while (found := session_on("NSE", day)) is None:
        day -= timedelta(days=1)
    return found


def _check_port(option: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise CannotStart(
                f"{option} {port}: {getattr(error, 'strerror', None) or error}. Stop what uses "
                f"the port, or choose another: make demo OPTIONS='{option} {port + 1}'."
            ) from None


def _check_not_running(folder: Path) -> None:
    path = folder / "supervisor.pid"
    try:
        number = int(path.read_text())
        os.kill(number, 0)
    except (OSError, ValueError):
        return  # no demo, or one that has ended
    raise CannotStart(
        f"--data-dir {folder}: a demo (process {number}) runs in that folder. Stop it, or name "
        f"another. If it is not a demo, delete {path}."
    )
