"""Long lists that renew themselves: what is looked at stays in its place, what is new waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from trading import selectors
from trading.selectors import Page
from trading.web.views.shared import number_in

Row = TypeVar("Row", bound=Model)

_COUNTED = 99


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """A page of a list, and how many rows have come above it since it was opened.

    `address`: the query by which the page asks for itself again, with the same rows.
    """

    page: Page[Row]
    new: int
    address: str

    @property
    def new_text(self) -> str:
        return f"{_COUNTED}+" if self.new > _COUNTED else str(self.new)


def listing_of(request: HttpRequest, rows: QuerySet[Row], moment: str) -> Listing[Row]:
    """The page that the address names: `older` and `newer` turn it, `top` holds the newest page
    still at the row with that id."""
    older, newer = number_in(request, "older"), number_in(request, "newer")
    top = number_in(request, "top") if older is None and newer is None else None
    new, held = 0, rows
    if top is not None and (at := _moment_of(rows, moment, top)) is not None:
        above = rows.filter(selectors.beyond(moment, at, top, up=True))
        new = above.order_by(f"-{moment}")[: _COUNTED + 1].count()
        held = rows.filter(Q(**{f"{moment}__lt": at}) | Q(**{moment: at, "pk__lte": top}))
    page = selectors.page_of(held, moment, older_than=older, newer_than=newer)
    query = request.GET.copy()
    query.pop("v", None)
    if older is None and newer is None and page.rows:
        query["top"] = str(top or page.rows[0].pk)
    return Listing(page, new, query.urlencode())


def _moment_of(rows: QuerySet[Row], moment: str, row_id: int) -> datetime | None:
    found: datetime | None = (
        rows.model._default_manager.filter(pk=row_id).values_list(moment, flat=True).first()
    )
    return found
