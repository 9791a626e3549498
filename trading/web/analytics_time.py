"""The figures of the analytics that run along time: the equity curve, P&L by day, exposure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from trading.analytics import Report
from trading.domain.performance import Group, Point
from trading.templatetags.money import pnl, qty, rupees
from trading.web.figure import Figure, Table, trades_text
from trading.web.periods import Unit, full_name, parts, short_name, start_of, unit_for
from trading.web.svg_charts import Bar, CurvePoint, Stretch, Words, columns, curve

_MOST_POINTS = 360
_DAY = timedelta(days=1)
_NOTHING = Decimal(0)


@dataclass(slots=True)
class Part:
    """A day, week, month or year of a report, with what happened on its days."""

    start: date
    unit: Unit
    points: list[Point] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    open_values: list[Decimal] = field(default_factory=list)

    @property
    def name(self) -> str:
        return full_name(self.start, self.unit)

    @property
    def label(self) -> str:
        return short_name(self.start, self.unit)

    @property
    def trades(self) -> int:
        return sum(one.trades for one in self.groups)

    @property
    def wins(self) -> int:
        return sum(one.wins for one in self.groups)

    @property
    def gross(self) -> Decimal:
        return sum((one.gross for one in self.groups), _NOTHING)

    @property
    def charges(self) -> Decimal:
        return sum((one.charges for one in self.groups), _NOTHING)

    @property
    def net(self) -> Decimal:
        return sum((one.net for one in self.groups), _NOTHING)

    @property
    def drawdown(self) -> Decimal:
        """How far the sum was below its highest, at most."""
        return max((point.drawdown for point in self.points), default=_NOTHING)

    @property
    def open_value(self) -> Decimal:
        return max(self.open_values, default=_NOTHING)


def time_figures(report: Report) -> list[Figure]:
    """The equity curve and P&L by day; empty without a day that had trades."""
    if not report.equity:
        return []
    time = _parts(report, [point.day for point in report.equity])
    return [_equity(report, time), _by_part(time)]


def exposure_figures(report: Report) -> list[Figure]:
    """The highest value of open positions; empty when that is not known of any day."""
    if not report.exposure:
        return []
    days = [day for day, _ in report.exposure]
    return [_exposure(_parts(report, days, narrow=True))]


def _parts(report: Report, days: Sequence[date], *, narrow: bool = False) -> list[Part]:
    """The time from the first of `days` to the last, divided, without gaps."""
    first, last = min(days), max(days)
    unit = unit_for(first, last, narrow=narrow)
    found = {start: Part(start, unit) for start in parts(first, last, unit, set(days))}
    for point in report.equity:
        if first <= point.day <= last:
            found[start_of(point.day, unit)].points.append(point)
    for group in report.by_day:
        day = date.fromisoformat(group.key)
        if first <= day <= last:
            found[start_of(day, unit)].groups.append(group)
    for day, value in report.exposure:
        if first <= day <= last:
            found[start_of(day, unit)].open_values.append(value)
    return list(found.values())


def _equity(report: Report, time: Sequence[Part]) -> Figure:
    first, last = report.equity[0].day, report.equity[-1].day
    begin = first - _DAY
    length = Decimal((last - begin).days)

    def place(day: date) -> Decimal:
        return max(Decimal((day - begin).days) / length, _NOTHING)

    start = CurvePoint(_NOTHING, _NOTHING, _NOTHING)
    points = [
        CurvePoint(place(one.day), one.total, one.drawdown) for one in _thinned(report.equity)
    ]
    total = report.equity[-1].total
    lead = (
        f"{pnl(total)} net after {trades_text(report.summary.trades)}"
        f"{_deepest(report.summary.max_drawdown)}"
    )
    span = f"From {full_name(first, Unit.DAY)} to {full_name(last, Unit.DAY)}"
    picture = curve(
        Words("Equity curve: running net P&L, drawdown shaded", f"{span}: {lead}"),
        [start, *points],
        _stretches(time, place),
        [(place(max(part.start, first)), part.label) for part in time],
    )
    return Figure("equity", "Equity curve", lead, picture, _equity_table(time))


def _deepest(drawdown: Decimal) -> str:
    if not drawdown:
        return "; never below its highest at the end of a day."
    return f"; shaded: how far below its highest before, {rupees(drawdown)} at most."


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Few enough points to draw: of neighbours the highest, the lowest and the last."""
    size = -(-len(points) // (_MOST_POINTS // 3))
    if len(points) <= _MOST_POINTS:
        return list(points)
    kept: list[Point] = []
    for place in range(0, len(points), size):
        some = points[place : place + size]
        ends = {
            min(some, key=lambda one: one.total).day,
            max(some, key=lambda one: one.total).day,
            some[-1].day,
        }
        kept += [one for one in some if one.day in ends]
    return kept


def _stretches(time: Sequence[Part], place: Callable[[date], Decimal]) -> list[Stretch]:
    """What is said of each part of the curve, up to its last day with trades."""
    found, left = [], _NOTHING
    for part in time:
        if part.points:
            last = part.points[-1]
            below = f", {rupees(last.drawdown)} below the highest" if last.drawdown else ""
            right = place(last.day)
            found.append(Stretch(left, right, f"{part.name}: {pnl(last.total)}{below}"))
            left = right
    return found


def _equity_table(time: Sequence[Part]) -> Table:
    head = (time[0].unit.capitalize(), "Net so far", "Drawdown, at most")
    return Table(
        head,
        [
            (part.name, pnl(part.points[-1].total), rupees(part.drawdown))
            for part in time
            if part.points
        ],
    )


def _by_part(time: Sequence[Part]) -> Figure:
    unit = time[0].unit
    traded = [part for part in time if part.trades]
    won = sum(part.net > 0 for part in traded)
    lost = sum(part.net < 0 for part in traded)
    lead = f"{_count(won, unit)} with a profit, {lost} with a loss."
    best = max(traded, key=lambda part: part.net)
    worst = min(traded, key=lambda part: part.net)
    picture = columns(
        Words(
            f"Net P&L by {unit}",
            f"{lead} Best: {best.name}, {pnl(best.net)}. Worst: {worst.name}, {pnl(worst.net)}.",
        ),
        [
            Bar(part.label, part.net, f"{part.name}: {pnl(part.net)}, {trades_text(part.trades)}")
            for part in time
        ],
    )
    table = Table(
        (unit.capitalize(), "Net", "Trades", "Won", "Gross", "Charges"),
        [
            (
                part.name,
                pnl(part.net),
                qty(part.trades),
                qty(part.wins),
                pnl(part.gross),
                rupees(part.charges),
            )
            for part in traded
        ],
    )
    return Figure("days", f"Net P&L by {unit}", lead, picture, table)


def _exposure(time: Sequence[Part]) -> Figure:
    unit = time[0].unit
    highest = max(time, key=lambda part: part.open_value)
    lead = f"What was open at once, at entry prices; the most {rupees(highest.open_value)}."
    title = f"Highest exposure by {unit}"
    picture = columns(
        Words(title, f"{lead} That was: {highest.name}."),
        [
            Bar(part.label, part.open_value, f"{part.name}: {rupees(part.open_value)}")
            for part in time
        ],
        tone="plain",
    )
    rows = [(part.name, rupees(part.open_value)) for part in time if part.open_values]
    return Figure("exposure", title, lead, picture, Table((unit.capitalize(), "At most"), rows))


def _count(number: int, unit: Unit) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
