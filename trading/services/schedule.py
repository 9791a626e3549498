"""By the clock: a product's daily square-off."""

from datetime import datetime, timedelta

from django.db import IntegrityError

from risk.models import ProductSchedule, SquareOff
from sigmatrader import clock
from trading.domain.session import session_on, trading_day
from trading.domain.values import StateScope
from trading.services import calendar, squareoff

ACTOR = "schedule"
# A worker that was away for a while still does it; one that was away for long does not.
_LATE = timedelta(minutes=60)
_EXCHANGES = ("NSE", "MCX")


def step(now: datetime) -> None:
    """Ask for the square-offs whose hour has come, one a day for each product."""
    day = trading_day(now)
    if not any(session_on(exchange, day, calendar.current()) for exchange in _EXCHANGES):
        return
    due = ProductSchedule.objects.filter(enabled=True, square_off_at__isnull=False)
    for schedule in due:
        assert schedule.square_off_at is not None
        at = datetime.combine(day, schedule.square_off_at, tzinfo=clock.IST)
        if not at <= now < at + _LATE:
            continue
        if SquareOff.objects.filter(product=schedule.product, day=day).exists():
            continue
        try:
            squareoff.begin(
                StateScope.EVERYTHING,
                f"{schedule.product} is squared off at {schedule.square_off_at:%H:%M}",
                ACTOR,
                product=schedule.product,
                day=day,
            )
        except IntegrityError:
            continue  # another worker was faster
