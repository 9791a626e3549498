"""What a day has come to, in a few lines."""

from datetime import datetime

from django.db.models import Count, Q

from brokers.models import ConnectionKind
from sigmatrader import clock
from trading import selectors
from trading.domain.order import Status
from trading.domain.values import Origin
from trading.models import Order
from trading.templatetags.money import pnl, qty


def day_summary(now: datetime) -> list[str]:
    """Orders and profit or loss of the IST day of `now`, a line for each kind of account in use."""
    since = selectors.day_start(now)
    kinds = selectors.kinds_in_use()
    lines = [f"{now.astimezone(clock.IST):%a %d %b}, as of {now.astimezone(clock.IST):%H:%M}"]
    for kind in ConnectionKind.values:
        if kind in kinds:
            lines.append(f"{kind}: {_orders(kind, since)}")
            lines.append(f"{kind}: {_money(kind, since)}")
    waiting = Order.objects.filter(status=Status.WAITING).count()
    if waiting:
        lines.append(f"{_count(waiting, 'order')} still waiting for a decision")
    return lines


def _orders(kind: str, since: datetime) -> str:
    done = Order.objects.filter(connection__kind=kind, created_at__gte=since).exclude(
        origin=Origin.EXTERNAL
    )
    refused = (Status.REJECTED, Status.REJECTED_RISK, Status.FAILED, Status.EXPIRED)
    counts = done.aggregate(
        made=Count("pk"),
        executed=Count("pk", filter=Q(status=Status.EXECUTED)),
        refused=Count("pk", filter=Q(status__in=refused)),
        unknown=Count("pk", filter=Q(status=Status.UNKNOWN)),
    )
    text = f"{_count(counts['made'], 'order')}, {qty(counts['executed'])} executed"
    if counts["refused"]:
        text += f", {qty(counts['refused'])} rejected, denied, failed or expired"
    return text + (f", {qty(counts['unknown'])} UNKNOWN" if counts["unknown"] else "")


def _money(kind: str, since: datetime) -> str:
    day = selectors.profit_and_loss(since, kind=kind)
    closed = _count(day.closed_trades, "closed trade")
    text = f"{pnl(day.realised)} in {closed}"
    if day.open_positions:
        text += f", {pnl(day.unrealised)} open in {_count(day.open_positions, 'position')}"
    return f"{text}, before charges"


def _count(number: int, word: str) -> str:
    return f"{qty(number)} {word}" if number == 1 else f"{qty(number)} {word}s"
