"""Instruments for somebody who types."""

from datetime import datetime

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Length

from sigmatrader import clock
from trading.domain.session import trading_day
from trading.domain.symbols import CASH_EXCHANGES, FUTURE, INDEX_SEGMENT, search_key
from trading.domain.values import Exchange
from trading.models import Instrument

MOST = 12
SHORTEST = 2
LONGEST = 64
# Later than every key that begins alike: keys hold letters and digits alone.
_LAST = "Z" * 40

_KIND = Case(
    When(segment=INDEX_SEGMENT, then=Value(1)),
    When(exchange__in=CASH_EXCHANGES, then=Value(0)),
    When(instrument_type=FUTURE, then=Value(2)),
    default=Value(3),
    output_field=IntegerField(),
)


def search(text: str, *, now: datetime | None = None) -> list[Instrument]:
    """At most 12 instruments for what was typed, best first; none for less than two letters.

    `text`: a symbol or its beginning, with or without exchange ("NSE:INF", "nifty 26 dec"), or a
    part of a company's name. Exact symbols come first, then those that begin so (shares, indices,
    futures, options, the nearest expiry first), then names. Expired contracts are left out.
    """
    text = "".join(filter(str.isprintable, text)).strip()[:LONGEST]
    prefix, colon, rest = text.partition(":")
    exchanges = [prefix.strip().upper()] if colon else list(Exchange)
    words = rest if colon else text
    key = search_key(words)
    if len(key) < SHORTEST:
        return []
    today = trading_day(now or clock.now())
    rows = Instrument.objects.filter(
        Q(expiry__isnull=True) | Q(expiry__gte=today), exchange__in=exchanges
    )
    found = list(_by_symbol(rows, key))
    if len(found) < MOST:
        known = {row.pk for row in found}
        named = _by_name(rows, words.strip())[:MOST]
        found += [row for row in named if row.pk not in known]
    return found[:MOST]


def _by_symbol(rows: QuerySet[Instrument], key: str) -> QuerySet[Instrument]:
    exact = Case(When(search_key=key, then=Value(0)), default=Value(1))
    return (
        rows.filter(search_key__range=(key, key + _LAST))
        .annotate(exact=exact, kind=_KIND, length=Length("tradingsymbol"))
        .order_by("exact", "kind", "expiry", "length", "tradingsymbol", "exchange")[:MOST]
    )


def _by_name(rows: QuerySet[Instrument], words: str) -> QuerySet[Instrument]:
    """Companies and indices by a part of their name; a contract's name is its underlying."""
    begins = Case(When(name__istartswith=words, then=Value(0)), default=Value(1))
    return (
        rows.filter(exchange__in=CASH_EXCHANGES, name__icontains=words)
        .annotate(begins=begins, kind=_KIND, length=Length("tradingsymbol"))
        .order_by("begins", "kind", "length", "tradingsymbol", "exchange")
    )
