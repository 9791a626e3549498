"""Idempotency-Key on POST: the first answer is kept for 24 hours and given again.

A row is inserted before the work begins, under UNIQUE (user, key, path); whoever finds one there
waits its turn. A row whose process died is taken over after a minute.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.api.errors import ApiError
from trading.models import IdempotentRequest

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
ABANDONED_AFTER = timedelta(seconds=60)
_MAX_KEY_LENGTH = 200
_MAX_PATH_LENGTH = 255


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What the first request with this key was told."""

    status_code: int
    data: Any

    def as_response(self) -> Response:
        headers = {"Idempotent-Replayed": "true"}
        return Response(self.data, status=self.status_code, headers=headers)


def begin(request: Request, key: str) -> IdempotentRequest | FirstAnswer:
    """The row to finish later, or the first answer. Raises ApiError 400, 409 or 422."""
    if not 0 < len(key) <= _MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        text = f"Use 1 to {_MAX_KEY_LENGTH} printable ASCII characters."
        raise ApiError(400, "invalid", f"{HEADER}: {text}", {HEADER: [text]})
    user: Any = request.user
    digest = hashlib.sha256(request._request.body).hexdigest()
    path = request.path.rstrip("/")[:_MAX_PATH_LENGTH]
    row = _insert(user, key, path, digest)
    if row is not None:
        return row
    existing = IdempotentRequest.objects.filter(user=user, key=key, path=path).first()
    if existing is None:
        raise _still_running()  # it ended without an answer to keep, just now
    return _take_over(existing, digest) or _first_answer(existing, digest)


def _insert(user: Any, key: str, path: str, digest: str) -> IdempotentRequest | None:
    try:
        with write_transaction(), transaction.atomic():
            return IdempotentRequest.objects.create(
                user=user,
                key=key,
                path=path,
                body_digest=digest,
                created_at=clock.now(),
            )
    except IntegrityError:
        return None


def _take_over(existing: IdempotentRequest, digest: str) -> IdempotentRequest | None:
    """A row past its time, or whose process died, starts anew; one taker wins."""
    age = clock.now() - existing.created_at
    abandoned = existing.status_code is None and age > ABANDONED_AFTER
    if age <= KEPT_FOR and not (abandoned and existing.body_digest == digest):
        return None
    now = clock.now()
    with write_transaction():
        won = IdempotentRequest.objects.filter(
            pk=existing.pk, created_at=existing.created_at
        ).update(created_at=now, body_digest=digest, status_code=None, response=None)
    if not won:
        raise _still_running()
    existing.created_at = now
    return existing


def _first_answer(existing: IdempotentRequest, digest: str) -> FirstAnswer:
    if existing.body_digest != digest:
        raise ApiError(
            422,
            "idempotency_key_reused",
            f"This {HEADER} was used with another body. Give each request its own.",
            {HEADER: ["It was used with another body."]},
        )
    if existing.status_code is None:
        raise _still_running()
    return FirstAnswer(existing.status_code, existing.response)


def _still_running() -> ApiError:
    return ApiError(409, "still_running", f"The first request with this {HEADER} is still running.")


def finish(row: IdempotentRequest, response: Response) -> None:
    """Keep the answer; a fault of ours (5xx but 502, the broker's no) leaves the key free."""
    mine = IdempotentRequest.objects.filter(pk=row.pk, created_at=row.created_at)
    with write_transaction():
        if response.status_code >= 500 and response.status_code != 502:
            mine.delete()
            return
        data = json.loads(JSONRenderer().render(response.data) or b"null")
        mine.update(status_code=response.status_code, response=data)
