"""Cursor pages, newest first: {"next", "previous", "results"}.

The cursor is the place in the order (time, id), so that a page stays right and fast however
many rows come before it.
"""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

DEFAULT_SIZE = 50
MAX_SIZE = 500
_MAX_ID = 2**63 - 1
_Place = tuple[datetime, int, bool]  # time, id, towards newer rows


class NewestFirst(BasePagination):
    """The view says in `newest_by` by which time its rows are ordered; ties by id."""

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        self.field: str = view.newest_by
        self.url = request.build_absolute_uri()
        size = _size(request)
        place = _place(request.query_params.get("cursor"))
        backwards = place is not None and place[2]
        rows = list(self._from(queryset, place)[: size + 1])
        more = len(rows) > size
        rows = rows[:size]
        if backwards:
            rows.reverse()
        self.has_next = backwards or more
        self.has_previous = more if backwards else place is not None
        self.rows: Sequence[Model] = rows
        return rows

    def _from(self, queryset: QuerySet[Any], place: _Place | None) -> QuerySet[Any]:
        field = self.field
        if place is None:
            return queryset.order_by(f"-{field}", "-id")
        at, pk, backwards = place
        # The first condition lets the index be used as a range.
        if backwards:
            newer = Q(**{f"{field}__gt": at}) | Q(id__gt=pk)
            return queryset.filter(newer, **{f"{field}__gte": at}).order_by(field, "id")
        older = Q(**{f"{field}__lt": at}) | Q(id__lt=pk)
        return queryset.filter(older, **{f"{field}__lte": at}).order_by(f"-{field}", "-id")

    def _link(self, row: Model | None, *, backwards: bool) -> str | None:
        if row is None:
            return None
        place = [getattr(row, self.field).isoformat(), row.pk, backwards]
        cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
        return str(replace_query_param(self.url, "cursor", cursor))

    def get_paginated_response(self, data: Any) -> Response:
        last = self.rows[-1] if self.rows and self.has_next else None
        first = self.rows[0] if self.rows and self.has_previous else None
        following = self._link(last, backwards=False)
        previous = self._link(first, backwards=True)
        if not self.rows:  # beyond an end: the way back is the first page
            start = str(remove_query_param(self.url, "cursor"))
            following = start if self.has_next else None
            previous = start if self.has_previous else None
        return Response({"next": following, "previous": previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "The place to go on from, as `next` and `previous` give it.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": f"Rows of a page, {DEFAULT_SIZE} unless told.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_SIZE},
            },
        ]


def _size(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_SIZE):
        raise ValidationError({"limit": [f"Use a whole number from 1 to {MAX_SIZE}."]})
    return int(text)


def _place(cursor: str | None) -> _Place | None:
    if not cursor:
        return None
    try:
        at, pk, backwards = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        moment = datetime.fromisoformat(at)
        place = (moment.astimezone(UTC), int(pk), bool(backwards)) if moment.tzinfo else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        place = None
    if place is None or not 0 < place[1] <= _MAX_ID:
        text = "This is no cursor: take it from `next` or `previous`, or leave it out."
        raise ValidationError({"cursor": [text]})
    return place
