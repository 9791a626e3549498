"""Forgetting prices that nothing looks at any more."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef

from brokers.models import PriceTick

KEEP_PRICES: Final = timedelta(days=30)
_BATCH: Final = 5000


def forget_old_prices(now: datetime) -> int:
    """Delete prices older than a month; the newest of each instrument stays. Returns how many."""
    newer = PriceTick.objects.filter(
        exchange=OuterRef("exchange"),
        tradingsymbol=OuterRef("tradingsymbol"),
        id__gt=OuterRef("id"),
    )
    old = PriceTick.objects.filter(Exists(newer), at__lt=now - KEEP_PRICES)
    batch = list(old.values_list("id", flat=True)[:_BATCH])
    if not batch:
        return 0
    return PriceTick.objects.filter(id__in=batch).delete()[0]
