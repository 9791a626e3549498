"""Whether the process lives, and whether the system is fit to trade."""

import shutil
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from sigmatrader import clock

WORKER_STALE_SECONDS = 15
_BOOK_STALE_SECONDS = 60
_BOOK_ROUNDS = 20
_EVER = datetime.min.replace(tzinfo=UTC)
_MIN_FREE_BYTES = 200 * 1024 * 1024


@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """The process answers. Looks at nothing else."""
    return JsonResponse(
        {
            "status": "ok",
            "service": "SigmaTrader API",
            "environment": settings.ST.ENVIRONMENT,
        }
    )


def _database() -> tuple[bool, str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return False, f"not reachable: {type(error).__name__}"
    return True, connection.vendor


def _worker() -> tuple[bool, str]:
    from trading.selectors import worker_age_seconds

    age = worker_age_seconds()
    if age is None:
        return False, "no worker has run yet"
    return age <= WORKER_STALE_SECONDS, f"heartbeat {age:.0f} s ago"


def _accounts() -> tuple[bool, str]:
    from brokers.accounts import session_of
    from brokers.models import BrokerConnection

    accounts = list(BrokerConnection.objects.filter(enabled=True))
    away = sum(not session_of(account).connected for account in accounts)
    # Anybody may read this: which account it is stands on the settings page.
    return not away, f"{away} of {len(accounts)} not connected" if away else "connected"


def _order_books() -> tuple[bool, str]:
    """A broker that is logged in and whose book nobody has read lately is not followed."""
    from brokers.accounts import login_of
    from brokers.models import BrokerConnection
    from brokers.registry import capabilities_of

    limit = max(_BOOK_STALE_SECONDS, _BOOK_ROUNDS * settings.ST.RECONCILE_INTERVAL_SECONDS)
    dark = 0
    for account in BrokerConnection.objects.filter(enabled=True).select_related("state"):
        if not capabilities_of(account).sessions or not login_of(account).connected:
            continue
        state = getattr(account, "state", None)
        begun = max(at for at in (state and state.book_read_at, account.logged_in_at, _EVER) if at)
        dark += (clock.now() - begun).total_seconds() > limit
    return not dark, f"{dark} not read lately" if dark else "followed"


def _clock() -> tuple[bool, str]:
    from trading.services.clock_skew import clock_warning

    wrong = clock_warning(clock.now())
    if wrong is None:
        return True, "as the brokers'"
    return False, f"{wrong.size} {'ahead' if wrong.seconds > 0 else 'behind'}"


def _calendar() -> tuple[bool, str]:
    """Fit while every segment's days are known; the detail warns from 30 days before the end."""
    from trading.domain import coverage
    from trading.services import calendar

    known, today = calendar.current(), clock.now().astimezone(clock.IST).date()
    until = coverage.ends_on(known)
    detail = f"holidays known until {until} ({(until - today).days} days)"
    return until >= today, " ".join([detail, *coverage.warnings(known, today)])


def _disk() -> tuple[bool, str]:
    free = shutil.disk_usage(settings.ST.DATA_DIR).free
    return free >= _MIN_FREE_BYTES, f"{free // (1024 * 1024)} MiB free"


@login_not_required
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Every check by name; 503 when one fails."""
    checks: dict[str, dict[str, Any]] = {}
    for name, check in (
        ("database", _database),
        ("worker", _worker),
        ("broker_session", _accounts),
        ("order_book", _order_books),
        ("clock", _clock),
        ("calendar", _calendar),
        ("disk", _disk),
    ):
        try:
            ok, detail = check()
        except DatabaseError as error:
            ok, detail = False, f"not readable: {type(error).__name__}"
        checks[name] = {"ok": ok, "detail": detail}
    fit = all(check["ok"] for check in checks.values())
    return JsonResponse(
        {"status": "ready" if fit else "not_ready", "checks": checks}, status=200 if fit else 503
    )
