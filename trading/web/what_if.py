"""A what-if as the page shows it: sums side by side, pictures, the alerts that matter."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.safestring import SafeString

from trading.services.whatif import ASSUMPTIONS, WhatIf
from trading.services.whatif_replay import STOPS, Outcome, Row, Tally, Walk
from trading.web.svg import Series, legend, stacked_bars

MOST_ROWS = 200
_SHOWN = (
    (Outcome.PASS, "Passed", "pass"),
    (Outcome.CLAMP, "Cut", "clamp"),
    (Outcome.HOLD, "Held", "hold"),
    (Outcome.DENY, "Denied", "deny"),
)
_NO_STRATEGY = "(none)"


@dataclass(frozen=True, slots=True)
class Side:
    """Numbers of one set of limits: of the four outcomes in their order, and the P&L."""

    counts: tuple[int, ...]
    pnl: Decimal


@dataclass(frozen=True, slots=True)
class Cell:
    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: its name, and both sides. `tried` None: nothing else was tried."""

    name: str
    now: Side
    tried: Side | None

    @property
    def cells(self) -> list[Cell]:
        """The counts with what a narrow screen calls them, now and tried side by side."""
        cells = []
        for place, (_, name, _) in enumerate(_SHOWN):
            cells.append(Cell(f"{name} now" if self.tried else name, self.now.counts[place]))
            if self.tried:
                cells.append(Cell(f"{name}, tried", self.tried.counts[place]))
        return cells


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a rule or gate cut, held or denied."""

    code: str
    scope: str
    setting: str
    now: tuple[int, ...]
    tried: tuple[int, ...] | None

    @property
    def check(self) -> Mapping[str, str]:
        return {"code": self.code, "setting": self.setting}


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    svg: SafeString


def context_of(found: WhatIf) -> dict[str, Any]:
    """What the template shows of a what-if."""
    report = found.report
    shown, matter = _shown(report.rows)
    total = _line("All", report.now.total, report.tried.total if report.tried else None)
    return {
        "found": found,
        "outcomes": [name for _, name, _ in _SHOWN],
        "total": total,
        "total_lines": [total],
        "nothing": report.now.total.count(Outcome.NOTHING),
        "days": _days(found),
        "strategies": _strategies(found),
        "rules": _rules(found),
        "pictures": _pictures(found),
        "legend": legend([Series(name, tone, ()) for _, name, tone in _SHOWN]),
        "rows": shown,
        "rows_left_out": matter - len(shown),
        "different": sum(row.differs for row in report.rows),
        "assumptions": ASSUMPTIONS,
    }


def _shown(rows: Iterable[Row]) -> tuple[list[Row], int]:
    """The alerts that a limit stops or that differ, newest first, and how many there are.

    Of too many those stay that differ.
    """
    matter = [row for row in rows if row.stopped or row.differs]
    kept = sorted(matter, key=lambda row: (row.differs, row.order.at), reverse=True)[:MOST_ROWS]
    return sorted(kept, key=lambda row: row.order.at, reverse=True), len(matter)


def _side(tally: Tally) -> Side:
    return Side(tuple(tally.count(outcome) for outcome, _, _ in _SHOWN), tally.pnl)


def _line(name: str, now: Tally, tried: Tally | None) -> Line:
    return Line(name, _side(now), _side(tried) if tried is not None else None)


def _lines(
    found: WhatIf, keys: Iterable[Any], tallies: Callable[[Walk], Any], name: Callable[[Any], str]
) -> list[Line]:
    report = found.report
    other = tallies(report.tried) if report.tried else None
    return [
        _line(name(key), tallies(report.now)[key], other[key] if other is not None else None)
        for key in keys
    ]


def _days(found: WhatIf) -> list[Line]:
    return _lines(found, sorted(found.report.now.by_day), lambda walk: walk.by_day, _day)


def _day(day: date) -> str:
    return f"{day:%a %d %b %Y}"


def _strategies(found: WhatIf) -> list[Line]:
    def name(strategy_id: int | None) -> str:
        return _NO_STRATEGY if strategy_id is None else found.strategies[strategy_id]

    keys = sorted(found.report.now.by_strategy, key=name)
    known = [key for key in keys if key is None or key in found.strategies]
    return _lines(found, known, lambda walk: walk.by_strategy, name)


def _rules(found: WhatIf) -> list[Rule]:
    """Every rule that did something, the busiest first."""
    now, tried = found.report.now, found.report.tried

    def counts(walk: Walk, rule: tuple[str, str, str]) -> tuple[int, ...]:
        stops = walk.by_rule.get(rule, Counter())
        return tuple(stops[outcome] for outcome in STOPS)

    names = {*now.by_rule, *(tried.by_rule if tried else ())}
    rules = [
        Rule(
            code=rule[0],
            scope=rule[1],
            setting=rule[2],
            now=counts(now, rule),
            tried=counts(tried, rule) if tried else None,
        )
        for rule in names
    ]
    return sorted(
        rules, key=lambda one: (-sum(one.now) - sum(one.tried or ()), one.code, one.scope)
    )


def _pictures(found: WhatIf) -> list[Picture]:
    lines = _days(found)
    sides = [("With the limits in force", [line.now for line in lines])]
    if found.report.tried is not None:
        tried = [line.tried for line in lines if line.tried is not None]
        sides.append(("With the limits tried", tried))
    days = [f"{day:%d %b}" for day in sorted(found.report.now.by_day)]
    highest = max((sum(one.counts) for _, some in sides for one in some), default=0)
    pictures = []
    for name, some in sides:
        series = [
            Series(word, tone, [one.counts[place] for one in some])
            for place, (_, word, tone) in enumerate(_SHOWN)
        ]
        title = f"Alerts by day, {name[0].lower()}{name[1:]}: passed, cut, held and denied"
        pictures.append(Picture(name, stacked_bars(title, days, series, highest=highest)))
    return pictures
