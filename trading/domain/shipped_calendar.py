"""The market calendar that comes with the program: India's exchanges in 2026. Pure.

The tables of an installation begin as this and go their own way from there.
"""

from collections.abc import Iterable
from datetime import date, time
from typing import Final

from trading.domain.calendar import Auction, Calendar, Day, DayKind, Hours, Segment

COVERED_UNTIL: Final = date(2026, 12, 31)

_STOCKS: Final = (Segment.EQUITY, Segment.DERIVATIVES, Segment.CURRENCY)
_NINE: Final = time(9)
_MORNING: Final = time(9, 15)

_HOURS: Final = {
    Segment.EQUITY: Hours(
        pre_open=_NINE,
        opens=_MORNING,
        closes=time(15, 30),
        square_off_minutes=5,
        amo_opens=time(16),
        amo_closes=time(8, 58),
        auction=Auction(
            since=date(2026, 8, 3),
            continuous_until=time(15, 15),
            opens=time(15, 20),
            closes=time(15, 35),
            square_off_minutes=3,
        ),
        covered_until=COVERED_UNTIL,
    ),
    Segment.DERIVATIVES: Hours(
        opens=_MORNING,
        closes=time(15, 40),
        square_off_minutes=14,
        amo_opens=time(15, 45),
        amo_closes=time(9, 10),
        covered_until=COVERED_UNTIL,
    ),
    Segment.CURRENCY: Hours(
        opens=_NINE,
        closes=time(17),
        amo_opens=time(17),
        amo_closes=time(8, 59),
        covered_until=COVERED_UNTIL,
    ),
    Segment.COMMODITY: Hours(
        opens=_NINE,
        closes=time(23, 30),
        winter_closes=time(23, 55),
        square_off_minutes=10,
        amo_closes=time(8, 58),
        covered_until=COVERED_UNTIL,
    ),
}

# Month, day, whether commodities are closed in the evening too, why.
_HOLIDAYS: Final = (
    (1, 15, False, "Municipal elections in Maharashtra"),
    (1, 26, True, "Republic Day"),
    (3, 3, False, "Holi"),
    (3, 26, False, "Ram Navami"),
    (3, 31, False, "Mahavir Jayanti"),
    (4, 3, True, "Good Friday"),
    (4, 14, False, "Ambedkar Jayanti"),
    (5, 1, False, "Maharashtra Day"),
    (5, 28, False, "Bakri Id"),
    (6, 26, False, "Muharram"),
    (9, 14, False, "Ganesh Chaturthi"),
    (10, 2, True, "Gandhi Jayanti"),
    (10, 20, False, "Dussehra"),
    (11, 10, False, "Diwali Balipratipada"),
    (11, 24, False, "Guru Nanak Jayanti"),
    (12, 25, True, "Christmas"),
)
_MUHURAT: Final = Day(kind=DayKind.SESSION, note="Muhurat trading")


def _session(opens: time, closes: time, note: str) -> Day:
    return Day(kind=DayKind.SESSION, opens=opens, closes=closes, note=note)


def _days() -> dict[tuple[Segment, date], Day]:
    commodity = _HOURS[Segment.COMMODITY]
    found: dict[tuple[Segment, date], Day] = {}

    def put(segments: Iterable[Segment], day: date, what: Day) -> None:
        found.update({(segment, day): what for segment in segments})

    put(
        (Segment.COMMODITY,),
        date(2026, 1, 1),
        _session(_NINE, time(17), "New Year: no evening session"),
    )
    budget = date(2026, 2, 1)
    put((Segment.EQUITY,), budget, _session(_MORNING, time(15, 30), "Union Budget, a Sunday"))
    put((Segment.DERIVATIVES,), budget, _session(_MORNING, time(15, 30), "Union Budget, a Sunday"))
    put((Segment.COMMODITY,), budget, _session(_NINE, time(17), "Union Budget, a Sunday"))
    put(Segment, date(2026, 11, 8), _MUHURAT)
    for month, number, whole_day, note in _HOLIDAYS:
        day = date(2026, month, number)
        closed = Day(kind=DayKind.CLOSED, note=note)
        evening = _session(time(17), commodity.closes_on(day), f"{note}: evening session only")
        put(_STOCKS, day, closed)
        put((Segment.COMMODITY,), day, closed if whole_day else evening)
    return found


SHIPPED: Final = Calendar(hours=_HOURS, days=_days())
