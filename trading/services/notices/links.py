"""Links in a notice, by which whoever got it decides a waiting order without a login.

A link is signed, ends after minutes, is good once, and holds for the order as it was when it began
to wait. It works only while its channel is on and says that its links may decide. Looking at it
changes nothing.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.core import signing
from django.urls import reverse

from risk.engine.denials import Verdict
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.models import Notice, NoticeLink, Order
from trading.services import legs, queue
from trading.services.errors import Conflict, NotExecutable

_SALT: Final = "trading.notice-link"


class Choice(StrEnum):
    """What a link may do, as its address calls it."""

    EXECUTE = "execute"
    CANCEL = "cancel"


class BadLink(Exception):
    """The link decides nothing; the text says why and what to do. `forged`: it is none of ours."""

    def __init__(self, message: str, *, forged: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.forged = forged


def lines_for(notice: Notice, now: datetime) -> tuple[str, ...]:
    """The two links of a notice, as lines of a message; none where it may have none."""
    channel, order = notice.channel, notice.order
    if not (channel.links_decide and settings.ST.PUBLIC_URL and order and notice.order_version):
        return ()
    if order.status != Status.WAITING or order.version != notice.order_version:
        return ()
    if legs.other_leg(order) is not None:
        return ()  # the link's page and version are of one leg, and both would go
    until = now + timedelta(minutes=channel.link_minutes)
    if order.expires_at is not None:
        until = min(until, order.expires_at)
    link, made = NoticeLink.objects.get_or_create(
        notice=notice,
        defaults={
            "order": order,
            "order_version": notice.order_version,
            "created_at": now,
            "expires_at": until,
        },
    )
    if not made and link.used_at is None:
        link.expires_at = until  # the message is sent once more: its time begins anew
        link.save(update_fields=["expires_at"])
    return tuple(f"{choice.capitalize()}: {address(link, choice)}" for choice in Choice)


def address(link: NoticeLink, choice: Choice) -> str:
    """The whole address that opens the link, under ST_PUBLIC_URL."""
    path = reverse("decide", args=[_signer().sign(str(link.pk)), choice.value])
    return f"{settings.ST.PUBLIC_URL}{path}"


def open_link(token: str) -> NoticeLink:
    """The link behind `token`, if it can decide now. Changes nothing. Raises BadLink."""
    try:
        number = int(_signer().unsign(token))
    except (signing.BadSignature, ValueError):
        raise BadLink("This is no link of SigmaTrader's.", forged=True) from None
    link = NoticeLink.objects.select_related("notice__channel").filter(pk=number).first()
    if link is None:
        raise BadLink("This link is too old, or was made void. Log in to decide.")
    _check(link)
    return link


def _check(link: NoticeLink) -> None:
    channel = link.notice.channel
    if not (channel.enabled and channel.links_decide):
        raise BadLink("Links of this channel may not decide any more. Log in to decide.")
    if link.used_at is not None:
        raise BadLink(f"This link was used already, to {link.used_for} the order.")
    order = Order.objects.get(pk=link.order_id)
    if order.status != Status.WAITING:
        status = order.status.replace("_", " ")
        raise BadLink(f"Order {order.pk} does not wait any more: it is {status}.")
    if order.version != link.order_version:
        raise BadLink(
            f"Order {order.pk} was changed after this message was sent. Log in to see it as it "
            "is now and to decide."
        )
    if link.expires_at <= clock.now():
        raise BadLink("The time of this link is over. Log in to decide.")


def decide(link: NoticeLink, choice: Choice) -> Order:
    """Execute or cancel the order, once. A refusal changes nothing and leaves the link good.

    Raises BadLink, or Conflict and NotExecutable as `queue.execute` does. What risk would deny is
    not executed: that would end the order.
    """
    now = clock.now()
    with write_transaction():
        fresh = NoticeLink.objects.select_related("notice__channel").get(pk=link.pk)
        _check(fresh)
        taken = NoticeLink.objects.filter(pk=link.pk, used_at__isnull=True).update(
            used_at=now, used_for=choice.value
        )
        if not taken:
            raise Conflict("This link was used at the same moment.")
        order = queue.get(fresh.order_id)
        actor = f"link of {fresh.notice.channel.name}"
        if choice is Choice.CANCEL:
            return queue.cancel_waiting(order, actor=actor)
        _not_denied(order)
        return queue.execute(order, actor=actor, version=fresh.order_version)


def _not_denied(order: Order) -> None:
    decision = queue.preview(order)
    if decision.outcome is Verdict.DENY:
        raise NotExecutable(f"Risk denies this order: {' '.join(decision.reasons)}", code="denied")


def _signer() -> signing.Signer:
    return signing.Signer(salt=_SALT, sep=".")
