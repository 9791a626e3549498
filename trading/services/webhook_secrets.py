"""The secrets that alerts must carry: made, rotated with grace, matched. Stored encrypted.

A strategy that has secrets of its own refuses the common one, and its secrets open no other
strategy. That holds while it has any row, even when all of them are past their time: a secret
that ran out must not open the door to another one.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q

from sigmatrader import clock, crypto
from sigmatrader.crypto import CryptoError
from sigmatrader.db import write_transaction
from trading.models import Strategy, WebhookSecret
from trading.services.errors import InvalidChange

logger = logging.getLogger(__name__)

DEFAULT_GRACE = timedelta(hours=24)
# Letters that need no escape, so that the secret can be pasted into any message.
_ALLOWED = re.compile(r"[!#-\[\]-~]{8,128}")
RULE = "8 to 128 printable ASCII characters without blanks, quotes and backslashes"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A row as alerts are checked against it. `value` is None when no key of ours opens it."""

    strategy_id: int | None
    value: str | None
    valid: bool


def _open(pk: int, encrypted: str) -> str | None:
    try:
        return crypto.decrypt(encrypted)
    except CryptoError as error:
        logger.error("webhook secret %s can't be read: %s", pk, error)
        return None


def stored(now: datetime) -> list[StoredSecret]:
    """Every secret there is, in one query; those past their time with `valid` False."""
    rows = WebhookSecret.objects.order_by("id").values_list(
        "id", "strategy_id", "secret_encrypted", "valid_until"
    )
    return [
        StoredSecret(strategy_id, _open(pk, encrypted), until is None or until > now)
        for pk, strategy_id, encrypted, until in rows
    ]


def matches(
    presented: Iterable[str | None], strategy_id: int | None, known: Sequence[StoredSecret]
) -> bool:
    """Whether one of the presented values opens the strategy (None: one that we don't know).

    Takes the same time for every wrong value. Raises CryptoError when nothing matches and a
    secret that might have matched can't be read.
    """
    own = [one for one in known if one.strategy_id == strategy_id]
    applying = own or [one for one in known if one.strategy_id is None]
    valid = [one for one in applying if one.valid]
    wanted = [_digest(one.value) for one in valid if one.value is not None]
    found = False
    for value in presented:
        shown = _digest(value or "")
        for digest in wanted:
            equal = hmac.compare_digest(shown, digest)
            found |= equal and value is not None
    if not found and len(wanted) < len(valid):
        raise CryptoError("A webhook secret can't be read with ST_CRYPTO_KEYS.")
    return found


def is_one_of(value: str, known: Iterable[StoredSecret]) -> bool:
    """Whether `value` is any of these secrets, whosever; in constant time as `matches`."""
    shown = _digest(value)
    found = False
    for one in known:
        found |= one.value is not None and hmac.compare_digest(shown, _digest(one.value))
    return found


def _digest(value: str) -> bytes:
    """Of equal length for all, so that the comparison says nothing about the secret's own."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def current(strategy: Strategy | None = None) -> str | None:
    """The newest secret without an end, in clear: the one to put into new alerts.

    None when the strategy (or the common scope) has none. Raises CryptoError.
    """
    row = (
        WebhookSecret.objects.filter(strategy=strategy, valid_until__isnull=True)
        .order_by("-id")
        .first()
    )
    return None if row is None else crypto.decrypt(row.secret_encrypted)


def current_for(strategy: Strategy | None) -> str | None:
    """The secret to put into alerts of `strategy`: its own where it has any, else the common one.

    Raises CryptoError.
    """
    if strategy is not None and strategy.webhook_secrets.exists():
        return current(strategy)
    return current()


def create(
    value: str | None = None,
    *,
    strategy: Strategy | None = None,
    label: str = "main",
    valid_until: datetime | None = None,
) -> str:
    """Store a secret (a random one without `value`) and return it in clear, this once.

    Raises InvalidChange when `value` is no secret.
    """
    chosen = secrets.token_urlsafe(24) if value is None else value
    if not _ALLOWED.fullmatch(chosen):
        raise InvalidChange("This can't be a secret.", errors={"secret": [f"Use {RULE}."]})
    with write_transaction():
        WebhookSecret.objects.create(
            label=label,
            strategy=strategy,
            secret_encrypted=crypto.encrypt(chosen),
            valid_until=valid_until,
        )
    return chosen


def rotate(strategy: Strategy | None = None, grace: timedelta = DEFAULT_GRACE) -> str:
    """A new secret; the ones before it stay valid for `grace`. Returned in clear, this once.

    A strategy's first own secret ends the common one for it: that stays valid for `grace` too.
    """
    now = clock.now()
    with write_transaction():
        if strategy is not None and grace and not strategy.webhook_secrets.exists():
            _take_along(strategy, now, now + grace)
        running = WebhookSecret.objects.filter(strategy=strategy).filter(
            Q(valid_until__isnull=True) | Q(valid_until__gt=now + grace)
        )
        running.update(valid_until=now + grace)
        WebhookSecret.objects.filter(strategy=strategy, valid_until__lte=now).delete()
        return create(strategy=strategy)


def _take_along(strategy: Strategy, now: datetime, until: datetime) -> None:
    """The common secrets that are valid, as the strategy's own until then."""
    common = WebhookSecret.objects.filter(strategy__isnull=True).filter(
        Q(valid_until__isnull=True) | Q(valid_until__gt=now)
    )
    for one in common:
        WebhookSecret.objects.create(
            label="common, for a while",
            strategy=strategy,
            secret_encrypted=one.secret_encrypted,
            valid_until=min(one.valid_until or until, until),
        )


def revoke(secret: WebhookSecret) -> None:
    """The secret opens nothing from now on. Without any left a strategy takes the common one."""
    with write_transaction():
        secret.delete()


def ensure_first_secret() -> None:
    """Take over ST_TRADINGVIEW_WEBHOOK_SECRET on the first run, or make a secret.

    Does nothing once there is a common secret. Raises ImproperlyConfigured with the variable's
    name when its value can't be one.
    """
    with write_transaction():
        if WebhookSecret.objects.filter(strategy__isnull=True).exists():
            return
        try:
            create(settings.ST.TRADINGVIEW_WEBHOOK_SECRET or None)
        except InvalidChange:
            raise ImproperlyConfigured(
                f"ST_TRADINGVIEW_WEBHOOK_SECRET is not allowed: use {RULE}."
            ) from None
