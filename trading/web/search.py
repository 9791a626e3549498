"""Orders and alerts by what a person asks for in a list's filters."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from django.db.models import F, Q, QuerySet

from trading.domain.values import Origin
from trading.models import Alert, Order
from trading.selectors import between_days, names, with_links

_FEW: Final = 2000  # rows that are sorted in no time


def search_orders(
    *,
    statuses: Iterable[str] = (),
    strategy_id: int | None = None,
    symbol: str = "",
    side: str = "",
    mode: str = "",
    kind: str = "",
    external: bool | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    text: str = "",
) -> QuerySet[Order]:
    """Orders that meet every condition given, newest first. Days are IST, both included.

    `symbol`: a part of the alert's symbol or of the contract traded. `kind`: of the account.
    `external`: placed outside SigmaTrader, or not.
    """
    exact = {"side": side, "mode": mode, "connection__kind": kind}
    rows = Order.objects.filter(**{name: value for name, value in exact.items() if value})
    if strategy_id is not None:
        rows = _of_strategy(rows, strategy_id)
    if wanted := list(statuses):
        rows = rows.filter(status__in=wanted)
    if external is not None:
        outside = Q(origin=Origin.EXTERNAL)
        rows = rows.filter(outside if external else ~outside)
    if symbol:
        rows = rows.filter(names(symbol))
    rows = between_days(rows, "created_at", first_day, last_day)
    if text:
        rows = rows.filter(_mentions(text))
    return with_links(rows)


def _of_strategy(rows: QuerySet[Order], strategy_id: int) -> QuerySet[Order]:
    """The strategy's orders, quickly newest first, be they few or a million."""
    own = Q(strategy_id=strategy_id)
    if Order.objects.filter(own)[:_FEW].count() < _FEW:
        return rows.filter(own)
    # The sum hides the strategy's index: SQLite would read all of its orders to sort them, where
    # the index by time shows the newest at once.
    return rows.alias(of=F("strategy_id") + 0).filter(of=strategy_id)


def _mentions(text: str) -> Q:
    found = (
        names(text)
        | Q(client_order_id__iexact=text)
        | Q(broker_order_id=text)
        | Q(broker_trigger_id=text)
        | Q(error_message__icontains=text)
        | Q(strategy__name__icontains=text)
    )
    digits = text.lstrip("#")
    if digits.isdecimal() and len(digits) < 18:
        found |= Q(pk=int(digits))
    return found


def search_alerts(
    *,
    outcome: str = "",
    strategy_id: int | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    text: str = "",
) -> QuerySet[Alert]:
    """Alerts with their orders that meet every condition given. Days are IST, both included."""
    rows = Alert.objects.select_related("strategy").prefetch_related("orders")
    rows = between_days(rows, "received_at", first_day, last_day)
    if strategy_id is not None:
        rows = rows.filter(strategy_id=strategy_id)
    if outcome:
        rows = rows.filter(outcome=outcome)
    if text:
        rows = rows.filter(
            Q(symbol__icontains=text) | Q(strategy_name__icontains=text) | Q(code__icontains=text)
        )
    return rows
