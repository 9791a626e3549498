"""The second factor of a login: codes of an authenticator app, and recovery codes beside them.

Whoever has set one up is asked for a code when logging in and when trading is resumed. The library
counts wrong codes and makes each next try wait longer.
"""

import hashlib
import logging
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from sigmatrader import clock, crypto
from sigmatrader.db import write_transaction
from sigmatrader.models import DIGITS, STEP_SECONDS, TotpDevice

logger = logging.getLogger(__name__)

User = AbstractUser | AnonymousUser

ISSUER: Final = "SigmaTrader"
RECOVERY_CODES: Final = 10
LONGEST_CODE: Final = 40
MISSING: Final = "Enter the code that your authenticator app shows, or a recovery code."
WRONG: Final = "This code is not right, or was used before. Enter the one that is shown now."
FRESH: Final = timedelta(minutes=10)
_ENTERED_AT: Final = "second_factor_entered_at"
_NOT_BEGUN: Final = "Nothing is being set up: begin again."
_KEY_BYTES = 20
_RECOVERY_BYTES = 10
_RECOVERY_LENGTH = 16  # ten bytes in base 32
_GROUP = 4


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app must be given: the key to type, or its address (otpauth://…)."""

    key: str
    address: str


def _confirmed(user: User) -> QuerySet[TotpDevice]:
    return TotpDevice.objects.filter(user_id=user.pk, confirmed=True)


def _pending(user: User) -> QuerySet[TotpDevice]:
    return TotpDevice.objects.filter(user_id=user.pk, confirmed=False)


def has_second_factor(user: User) -> bool:
    """Whether `user` is asked for codes."""
    return _confirmed(user).exists()


def in_use() -> bool:
    """Whether anybody here is asked for codes."""
    return TotpDevice.objects.filter(confirmed=True).exists()


def lacks_one(user: User) -> bool:
    """Whether others here are asked for codes, and `user` is not."""
    return in_use() and not has_second_factor(user)


def note_entered(session: SessionBase) -> None:
    """Whoever sits at this session has just entered a code."""
    session[_ENTERED_AT] = clock.now().timestamp()


def must_be_entered(session: SessionBase) -> bool:
    """Whether what gives rights away wants a code first: once codes are in use here, and none was
    entered in this session of late. A session left open must not make a user with more rights."""
    age = clock.now().timestamp() - session.get(_ENTERED_AT, 0)
    return in_use() and not 0 <= age <= FRESH.total_seconds()


def confirmed_device(user: User) -> TotpDevice | None:
    """The authenticator that counts, for when it was set up and last used."""
    return _confirmed(user).first()


def recovery_codes_left(user: User) -> int:
    return StaticToken.objects.filter(device__user_id=user.pk).count()


@sensitive_variables()
def verify(user: User, code: str) -> str:
    """ "" when `code` is right or `user` has no second factor, else the text for the field.

    A code is used up by being right. A wrong one is counted, which is committed here: call it
    outside of transactions that may be rolled back.
    """
    typed = _tidy(code)
    with write_transaction():
        device: Any = _confirmed(user).select_for_update().first()
        if device is None:
            return ""
        if not typed:
            return MISSING
        if len(typed) == _RECOVERY_LENGTH:
            device = StaticDevice.objects.select_for_update().filter(user_id=user.pk).first()
            typed = _fingerprint(typed)
        return WRONG if device is None else _answer(device, typed)


@sensitive_variables()
def _answer(device: Any, token: str) -> str:
    allowed, why = device.verify_is_allowed()
    if not allowed:
        until = why["locked_until"].astimezone(clock.IST)
        return f"Too many wrong codes. Wait until {until:%d %b, %H:%M:%S} IST, then enter another."
    return "" if device.verify_token(token) else WRONG


def _tidy(code: str) -> str:
    """As apps and our own page group them, codes may be typed with spaces and hyphens."""
    return "".join(code.split()).replace("-", "").lower()[:LONGEST_CODE]


def _fingerprint(recovery_code: str) -> str:
    """What is stored of a recovery code. With 80 random bits no salt or slow hash is needed."""
    digest = hashlib.sha256(recovery_code.encode()).digest()
    return b32encode(digest[:_RECOVERY_BYTES]).decode().lower()


def begin(user: User) -> None:
    """Make a new key for `user`, which counts once it is confirmed."""
    with write_transaction():
        _pending(user).delete()
        TotpDevice.objects.create(
            user_id=user.pk,
            name="authenticator",
            confirmed=False,
            key_encrypted=crypto.encrypt(secrets.token_hex(_KEY_BYTES)),
        )


@sensitive_variables()
def enrolment(user: User) -> Enrolment | None:
    """What is being set up; None when nothing is, and once it is confirmed."""
    device = None if has_second_factor(user) else _pending(user).first()
    if device is None:
        return None
    key = b32encode(device.key).decode()
    label = quote(f"{ISSUER}:{user.get_username()}")
    values = {
        "secret": key,
        "issuer": ISSUER,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": STEP_SECONDS,
    }
    return Enrolment(_grouped(key, " "), f"otpauth://totp/{label}?{urlencode(values)}")


def _grouped(text: str, between: str) -> str:
    return between.join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


@sensitive_variables()
def confirm(user: User, code: str) -> str:
    """The first code of the new key makes it count: "" then, else the text for the field."""
    typed = _tidy(code)
    with write_transaction():
        device = _pending(user).select_for_update().first()
        if device is None or has_second_factor(user):
            return _NOT_BEGUN
        if not typed:
            return MISSING
        if error := _answer(device, typed):
            return error
        device.confirmed = True
        device.save()
    logger.info("%s has set up a second factor", user.get_username())
    return ""


@sensitive_variables()
def new_recovery_codes(user: User) -> list[str]:
    """Ten fresh codes in clear, for the only time; all older ones are void."""
    codes = [
        b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
        for _ in range(RECOVERY_CODES)
    ]
    with write_transaction():
        StaticDevice.objects.filter(user_id=user.pk).delete()
        device = StaticDevice.objects.create(user_id=user.pk, name="recovery codes")
        for code in codes:
            device.token_set.create(token=_fingerprint(code))
    logger.info("%s has new recovery codes", user.get_username())
    return [_grouped(code, "-") for code in codes]


def remove(user: User) -> bool:
    """Ask `user` for no codes any more; False when none were asked for."""
    with write_transaction():
        removed = has_second_factor(user)
        TotpDevice.objects.filter(user_id=user.pk).delete()
        StaticDevice.objects.filter(user_id=user.pk).delete()
    if removed:
        logger.warning("the second factor of %s was removed", user.get_username())
    return removed
