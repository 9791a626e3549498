"""What a person should look at, the most urgent first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse

from brokers.models import BrokerConnection, ConnectionKind
from risk.engine.use import LimitUse
from sigmatrader import clock
from trading import selectors
from trading.domain import coverage
from trading.domain.order import Status
from trading.domain.session import trading_day
from trading.models import Alert, NoticeChannel, Order
from trading.services import calendar
from trading.services.limit_use import ScopeUse, limit_use, nearly_used
from trading.services.logins import LoginDue
from trading.templatetags.limits import setting_name, use_limit, use_used
from trading.templatetags.money import qty
from trading.web.context import Desk
from trading.web.expired import waiting
from trading.web.limits import use_anchor

_SHOWN: Final = 6
_REFUSED: Final = (Status.FAILED, Status.REJECTED, Status.REJECTED_RISK)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person should look at."""

    word: str
    title: str
    text: str
    url: str
    order: Order | None = None


def attention(desk: Desk, today: datetime) -> list[Attention]:
    """Unknown outcomes, a worker that is down, logins that are due, books that differ, contracts
    that expired at a price nobody knows, limits that are nearly used up, today's refusals, orders
    set aside from AUTO, refused alerts, channels that fail, and what the market calendar lacks."""
    return [
        *_unknown(),
        *_worker(desk),
        *(_login(one) for one in desk.logins),
        *_drift(),
        *_expired(),
        *(_nearly_used(*one) for one in nearly_used(limit_use(desk.now))[:_SHOWN]),
        *_refused(today),
        *_set_aside(),
        *_refused_alerts(today),
        *_channels(),
        *_calendar(desk.now),
    ]


def _unknown() -> Iterator[Attention]:
    for order in Order.objects.filter(status=Status.UNKNOWN).order_by("pk")[:_SHOWN]:
        yield _about(order, order.error_message or "The broker may or may not have this order.")


def _worker(desk: Desk) -> Iterator[Attention]:
    if desk.worker.tone == "bad":
        yield Attention(
            "WORKER",
            f"The worker is {desk.worker.word}",
            f"{desk.worker.detail} Orders stay in the queue until it runs again.",
            reverse("queue"),
        )


def _login(due: LoginDue) -> Attention:
    opens = f"{due.opens_at.astimezone(clock.IST):%H:%M}"
    text = (
        "Nothing can be sent through this account until then."
        if due.open
        else f"Its session does not reach the market, which opens at {opens}."
    )
    again = " again" if due.again else ""
    where = f"{reverse('zerodha_login')}?connection={due.connection_id}"
    return Attention("LOGIN", f"Log in{again}: {due.name}", text, where)


def _drift() -> Iterator[Attention]:
    """Accounts whose positions differ from the broker's."""
    accounts = BrokerConnection.objects.filter(enabled=True).exclude(kind=ConnectionKind.PAPER)
    for account in accounts.order_by("-is_default", "name"):
        found = selectors.position_differences(account)
        if found:
            names = ", ".join(one.tradingsymbol for one in found[:_SHOWN])
            yield Attention(
                "DRIFT",
                f"{account.name}: {len(found)} of our positions "
                f"{'differs' if len(found) == 1 else 'differ'} from the broker's",
                f"{names}: compare with the broker's own screen.",
                f"{reverse('positions')}#book-{account.pk}",
            )


def _expired() -> Iterator[Attention]:
    for one in waiting()[:_SHOWN]:
        if one.expired_on is None:
            text = "It is in no instrument list. If it has expired, state when and at what."
            yield Attention("EXPIRY", f"{one.key} is open", text, one.url)
        else:
            title = f"{one.key} expired on {one.expired_on:%d %b %Y}"
            text = "Its settlement price is not known, nor what it made: state the price."
            yield Attention("EXPIRY", title, text, one.url)


def _nearly_used(scope: ScopeUse, use: LimitUse) -> Attention:
    where = f" ({use.where})" if use.where else ""
    return Attention(
        "LIMIT REACHED" if use.reached else "LIMIT",
        f"{setting_name(use.setting)}: {use.percent} % used",
        f"{use_used(use)} of {use_limit(use)} in {scope.label}{where}.",
        f"{reverse('risk')}#{use_anchor(scope)}",
    )


def _refused(today: datetime) -> Iterator[Attention]:
    refused = Order.objects.filter(status__in=_REFUSED, finished_at__gte=today)
    for order in refused.order_by("-finished_at", "-pk")[:_SHOWN]:
        yield _about(order, order.error_message)


def _set_aside() -> Iterator[Attention]:
    aside = Order.objects.filter(status=Status.WAITING).exclude(set_aside_reason="")
    for order in aside.order_by("pk")[:_SHOWN]:
        yield _about(order, order.set_aside_reason, f"{reverse('queue')}#order-{order.pk}")


def _refused_alerts(today: datetime) -> Iterator[Attention]:
    rejected = Alert.objects.filter(outcome=Alert.Outcome.REJECTED, received_at__gte=today)
    if count := rejected.count():
        yield Attention(
            "REJECTED",
            "1 alert" if count == 1 else f"{count} alerts",
            "Refused today: the reason and the fix are on the alerts page.",
            f"{reverse('alerts')}?outcome=REJECTED",
        )


def _channels() -> Iterator[Attention]:
    for channel in NoticeChannel.objects.filter(enabled=True, failures__gt=0):
        yield Attention(
            "NOTICES",
            f"Notices to {channel.name} do not arrive",
            channel.last_error,
            reverse("notices"),
        )


def _calendar(now: datetime) -> Iterator[Attention]:
    for text in coverage.warnings(calendar.current(), trading_day(now)):
        where = reverse("admin:trading_marketday_changelist")
        yield Attention("CALENDAR", "Market calendar", text, where)


def _about(order: Order, text: str, url: str = "") -> Attention:
    where = url or reverse("order", args=[order.pk])
    units = "" if order.needs_quantity else f"{qty(order.qty)} "
    return Attention(order.status, f"{order.side} {units}{order.symbol}", text, where, order)
