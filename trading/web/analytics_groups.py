"""The figures of the analytics by weekday, hour, symbol and strategy."""

from collections.abc import Sequence
from decimal import Decimal

from trading.analytics import Report
from trading.domain.performance import Group
from trading.templatetags.money import NOTHING, pnl, qty, rupees
from trading.web.figure import Figure, Table, trades_text
from trading.web.svg_charts import Bar, Words, columns, rows

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WORKDAYS = 5
_MOST_ROWS, _MOST_LINES = 10, 20
_NOTHING = Decimal(0)


def group_figures(report: Report) -> list[Figure]:
    """Empty without a trade."""
    if not report.summary.trades:
        return []
    return [
        _in_order("weekdays", "weekday", report.by_weekday, _weekdays(report.by_weekday)),
        _in_order("hours", "hour", report.by_hour, _hours(report.by_hour)),
        _by_name("symbols", "symbol", report.by_symbol),
        _by_name("strategies", "strategy", report.by_strategy),
    ]


def _weekdays(groups: Sequence[Group]) -> list[Bar]:
    """Monday to Friday, and what else had trades."""
    known = {int(group.key): group for group in groups}
    return [
        _bar(name, known.get(place))
        for place, name in enumerate(_WEEKDAYS)
        if place < _WORKDAYS or place in known
    ]


def _hours(groups: Sequence[Group]) -> list[Bar]:
    """Every hour from the first that had trades to the last."""
    known = {int(group.key): group for group in groups}
    return [_bar(f"{hour}:00", known.get(hour)) for hour in range(min(known), max(known) + 1)]


def _bar(label: str, group: Group | None) -> Bar:
    return Bar(label, group.net, _tip(group)) if group else Bar(label, _NOTHING, "")


def _in_order(key: str, word: str, groups: Sequence[Group], bars: Sequence[Bar]) -> Figure:
    title = f"Net P&L by {word}"
    lead = _extremes(groups)
    return Figure(key, title, lead, columns(Words(title, lead), bars), _table(word, groups))


def _by_name(key: str, word: str, groups: Sequence[Group]) -> Figure:
    """The best and the worst; what lies between is one row."""
    title = f"Net P&L by {word}"
    lead = _extremes(groups)
    best, between, worst = _ends(groups, _MOST_ROWS)
    bars = [Bar(group.label, group.net, _tip(group)) for group in (*best, *worst)]
    if between:
        net = sum((group.net for group in between), _NOTHING)
        name = f"{qty(len(between))} others"
        bars.insert(len(best), Bar(name, net, f"{name} together: {pnl(net)}"))
    return Figure(key, title, lead, rows(Words(title, lead), bars, pnl), _table(word, groups))


def _ends(
    groups: Sequence[Group], most: int
) -> tuple[Sequence[Group], Sequence[Group], Sequence[Group]]:
    """The best, those between, the worst: `most` at the ends, unless one more takes them all."""
    if len(groups) <= most + 1:
        return groups, (), ()
    half = most // 2
    return groups[:half], groups[half:-half], groups[-half:]


def _tip(group: Group) -> str:
    return f"{group.label}: {pnl(group.net)}, {trades_text(group.trades)}"


def _extremes(groups: Sequence[Group]) -> str:
    """The best and the worst in words."""
    best = max(groups, key=lambda group: group.net)
    worst = min(groups, key=lambda group: group.net)
    if best is worst:
        return f"All of it: {best.label}, {pnl(best.net)}."
    return f"Best: {best.label}, {pnl(best.net)}. Worst: {worst.label}, {pnl(worst.net)}."


def _table(word: str, groups: Sequence[Group]) -> Table:
    best, between, worst = _ends(groups, _MOST_LINES)
    note = f"{qty(len(between))} between these are left out. " if between else ""
    return Table(
        (word.capitalize(), "Net", "Trades", "Win rate", "Gross", "Charges"),
        [
            (
                group.label,
                pnl(group.net),
                qty(group.trades),
                f"{Decimal(100 * group.wins) / group.trades:.0f} %" if group.trades else NOTHING,
                pnl(group.gross),
                rupees(group.charges),
            )
            for group in (*best, *worst)
        ],
        f"{note}The CSV has every trade." if note else "",
    )
