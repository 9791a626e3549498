"""Boot checks: what would be dangerous to start with. Each names the variable and the fix.

They run at every start; those of production count only with ST_ENVIRONMENT=production.
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError

from sigmatrader import clock, crypto, stored_secrets

_SHORTEST_SECRET = 16


def check_keys(**_: Any) -> list[CheckMessage]:
    """The keys are there and work."""
    found: list[CheckMessage] = []
    if len(settings.ST.SECRET_KEY) < 32:
        found.append(
            Error(
                "ST_SECRET_KEY is shorter than 32 characters.",
                hint="Leave it out: a good one is generated into secrets.env.",
                id="sigmatrader.E001",
            )
        )
    try:
        crypto.decrypt(crypto.encrypt("check"))
    except crypto.CryptoError as error:
        found.append(Error(f"ST_CRYPTO_KEYS can't encrypt: {error}", id="sigmatrader.E002"))
    return found


def check_stored_secrets(**_: Any) -> list[CheckMessage]:
    """What is stored encrypted opens with ST_CRYPTO_KEYS. Fails closed when it doesn't."""
    try:
        unreadable = stored_secrets.unreadable()
    except DatabaseError:
        return []  # no tables yet: the first start makes them
    if not unreadable:
        return []
    return [
        Error(
            f"ST_CRYPTO_KEYS lacks a key that stored {unreadable} were encrypted with.",
            hint="Put the old key back, behind the new one: ST_CRYPTO_KEYS=new,old.",
            id="sigmatrader.E003",
        )
    ]


def check_production(**_: Any) -> list[CheckMessage]:
    """What must hold before real money and the open Internet."""
    st = settings.ST
    if st.ENVIRONMENT != "production":
        return []
    found: list[CheckMessage] = []
    if st.DEBUG:
        found.append(Error("ST_DEBUG must be false in production.", id="sigmatrader.E010"))
    if not st.PUBLIC_URL.startswith("https://"):
        found.append(
            Error(
                "ST_PUBLIC_URL must be the https address that TradingView and you use.",
                hint="For example ST_PUBLIC_URL=https://trader.example.com",
                id="sigmatrader.E011",
            )
        )
    if "*" in st.ALLOWED_HOSTS:
        found.append(Error("ST_ALLOWED_HOSTS must not be * in production.", id="sigmatrader.E012"))
    if not st.TRUSTED_PROXIES:
        found.append(
            Warning(
                "ST_TRUSTED_PROXIES is empty: behind a proxy every request seems to come from it.",
                hint="For a proxy on this machine: ST_TRUSTED_PROXIES=127.0.0.1/32",
                id="sigmatrader.W013",
            )
        )
    if 0 < len(st.TRADINGVIEW_WEBHOOK_SECRET) < _SHORTEST_SECRET:
        found.append(
            Error(
                f"ST_TRADINGVIEW_WEBHOOK_SECRET is shorter than {_SHORTEST_SECRET} characters.",
                id="sigmatrader.E014",
            )
        )
    return found


def check_calendar(**_: Any) -> list[CheckMessage]:
    """The market calendar reaches far enough: past its end every order waits for a person."""
    from trading.domain import coverage
    from trading.services import calendar

    try:
        known = calendar.current()
    except DatabaseError:
        return []  # no tables yet: the first start makes them
    today = clock.now().astimezone(clock.IST).date()
    return [
        Warning(
            text,
            hint="In the admin: market days, import; or manage.py importcalendar FILE.",
            id="sigmatrader.W020",
        )
        for text in coverage.warnings(known, today)
    ]


def register_all() -> None:
    """Hand the checks to Django."""
    register(check_calendar)
    register(check_keys)
    register(check_production)
    register(check_stored_secrets)
