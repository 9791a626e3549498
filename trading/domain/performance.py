"""What closed trades add up to: sums, curves and distributions, exact. Pure."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from trading.domain.values import Side

ZERO: Final = Decimal(0)
_R_STEP: Final = Decimal("0.0001")
_HUNDREDTH: Final = Decimal("0.01")
# Where a distribution's buckets part: small ones in the middle, where most values are.
_EDGES: Final[Mapping[str, Sequence[int]]] = {
    "bps": (-50, -20, -10, -5, 0, 5, 10, 20, 50),
    "₹": (-1000, -300, -100, -30, 0, 30, 100, 300, 1000),
    "ms": (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000),
}


@dataclass(frozen=True, slots=True)
class Trade:
    """A piece of a position that was opened and closed. Rupees; `gross` is before charges.

    `risk`: rupees that the planned stop put at stake; None without a stop. `told_charges`: of the
    charges, what is the broker's own word; `told`: of both orders it is.
    """

    opened_at: datetime
    closed_at: datetime
    strategy: str
    symbol: str
    product: str
    side: Side
    qty: int
    entry_price: Decimal
    exit_price: Decimal
    gross: Decimal
    charges: Decimal
    risk: Decimal | None = None
    told: bool = False
    told_charges: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return self.gross - self.charges

    @property
    def r_multiple(self) -> Decimal | None:
        """Net P&L in units of the risk."""
        return self.net / self.risk if self.risk else None

    @property
    def holding(self) -> timedelta:
        return self.closed_at - self.opened_at


@dataclass(frozen=True, slots=True)
class Total:
    """Sums over trades that can be added to one another. Wins and losses are judged on net."""

    trades: int = 0
    wins: int = 0
    losses: int = 0
    gross: Decimal = ZERO
    charges: Decimal = ZERO
    won: Decimal = ZERO
    lost: Decimal = ZERO  # zero or negative
    best: Decimal | None = None
    worst: Decimal | None = None
    r_sum: Decimal = ZERO
    r_trades: int = 0  # of which the risk is known
    held: timedelta = timedelta(0)
    told: int = 0  # of which the broker itself told the charges
    told_charges: Decimal = ZERO  # rupees of `charges` that it told

    @classmethod
    def of(cls, trade: Trade) -> "Total":
        """The sums over one trade."""
        net, r_multiple = trade.net, trade.r_multiple
        return cls(
            trades=1,
            wins=int(net > 0),
            losses=int(net < 0),
            gross=trade.gross,
            charges=trade.charges,
            won=max(net, ZERO),
            lost=min(net, ZERO),
            best=net,
            worst=net,
            r_sum=ZERO if r_multiple is None else r_multiple.quantize(_R_STEP),
            r_trades=int(r_multiple is not None),
            held=trade.holding,
            told=int(trade.told),
            told_charges=trade.told_charges,
        )

    @property
    def flat(self) -> int:
        return self.trades - self.wins - self.losses

    @property
    def net(self) -> Decimal:
        return self.gross - self.charges

    def __add__(self, other: "Total") -> "Total":
        return Total(
            trades=self.trades + other.trades,
            wins=self.wins + other.wins,
            losses=self.losses + other.losses,
            gross=self.gross + other.gross,
            charges=self.charges + other.charges,
            won=self.won + other.won,
            lost=self.lost + other.lost,
            best=max(_known(self.best, other.best), default=None),
            worst=min(_known(self.worst, other.worst), default=None),
            r_sum=self.r_sum + other.r_sum,
            r_trades=self.r_trades + other.r_trades,
            held=self.held + other.held,
            told=self.told + other.told,
            told_charges=self.told_charges + other.told_charges,
        )


def _known(*values: Decimal | None) -> list[Decimal]:
    return [value for value in values if value is not None]


@dataclass(frozen=True, slots=True)
class Summary:
    """What can be said of many trades at once; None where nothing can. Rupees, percent.

    The drawdown is the deepest fall of the running net total from its highest before, at the
    ends of days; it began at 0.
    """

    trades: int = 0
    wins: int = 0
    losses: int = 0
    flat: int = 0
    gross: Decimal = ZERO
    charges: Decimal = ZERO
    charges_told: Decimal = ZERO  # of these, what the broker itself told
    net: Decimal = ZERO
    won: Decimal = ZERO
    lost: Decimal = ZERO  # zero or negative
    best: Decimal | None = None
    worst: Decimal | None = None
    win_rate: Decimal | None = None
    average_win: Decimal | None = None
    average_loss: Decimal | None = None
    profit_factor: Decimal | None = None
    expectancy: Decimal | None = None
    average_r: Decimal | None = None
    max_drawdown: Decimal = ZERO
    drawdown_from: date | None = None
    drawdown_to: date | None = None
    average_holding: timedelta | None = None
    median_holding: timedelta | None = None

    @property
    def charges_estimated(self) -> Decimal:
        """Worked out from the schedule of charges."""
        return self.charges - self.charges_told


@dataclass(frozen=True, slots=True)
class Group:
    """Trades that have `key` in common: a day, a symbol. `label` is how people call it."""

    key: str
    label: str
    trades: int
    wins: int
    gross: Decimal
    charges: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class Point:
    """A day of the equity curve: its `net`, the running `total` after it, and how far that is
    below its highest before (`drawdown`, zero or positive)."""

    day: date
    net: Decimal
    total: Decimal
    drawdown: Decimal


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many values lie from `low` (included) to `high` (excluded); None: without an end."""

    low: Decimal | None
    high: Decimal | None
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """How `count` values are spread. `unit`: bps, ₹ or ms."""

    unit: str
    count: int
    median: Decimal
    p95: Decimal
    mean: Decimal
    buckets: list[Bucket] = field(default_factory=list)


def equity_of(nets: Iterable[tuple[date, Decimal]]) -> list[Point]:
    """The curve that the days' nets, oldest first, make from 0."""
    points, total, highest = [], ZERO, ZERO
    for day, net in nets:
        total += net
        highest = max(highest, total)
        points.append(Point(day, net, total, highest - total))
    return points


def summary_of(
    total: Total, equity: Sequence[Point] = (), median_holding: timedelta | None = None
) -> Summary:
    """What `total` says, with the drawdown of `equity`."""
    deepest = max(equity, key=lambda point: point.drawdown, default=None)
    if deepest is not None and not deepest.drawdown:
        deepest = None
    return Summary(
        trades=total.trades,
        wins=total.wins,
        losses=total.losses,
        flat=total.flat,
        gross=total.gross,
        charges=total.charges,
        charges_told=total.told_charges,
        net=total.net,
        won=total.won,
        lost=total.lost,
        best=total.best,
        worst=total.worst,
        win_rate=_ratio(Decimal(100 * total.wins), total.trades),
        average_win=_ratio(total.won, total.wins),
        average_loss=_ratio(total.lost, total.losses),
        profit_factor=total.won / -total.lost if total.lost else None,
        expectancy=_ratio(total.net, total.trades),
        average_r=_ratio(total.r_sum, total.r_trades),
        max_drawdown=deepest.drawdown if deepest else ZERO,
        drawdown_from=_top_before(equity, deepest) if deepest else None,
        drawdown_to=deepest.day if deepest else None,
        average_holding=total.held / total.trades if total.trades else None,
        median_holding=median_holding,
    )


def _ratio(sum_: Decimal, count: int) -> Decimal | None:
    return sum_ / count if count else None


def _top_before(equity: Sequence[Point], deepest: Point) -> date | None:
    """The day from whose end the fall to `deepest` began; None: from the very beginning."""
    tops = [point.day for point in equity if point.day < deepest.day and not point.drawdown]
    return tops[-1] if tops else None


def group_of(key: str, label: str, total: Total) -> Group:
    return Group(
        key=key,
        label=label,
        trades=total.trades,
        wins=total.wins,
        gross=total.gross,
        charges=total.charges,
        net=total.net,
    )


def middle(spans: Iterable[timedelta]) -> timedelta | None:
    """The median; of an even number the mean of the two in the middle. None of none."""
    ordered = sorted(spans)
    if not ordered:
        return None
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def distribution(unit: str, values: Iterable[Decimal]) -> Distribution | None:
    """How `values` are spread; None when there are none. The 95th percentile is the smallest value
    that at least 95 of 100 do not exceed. `unit`: bps, ₹ or ms."""
    ordered = sorted(values)
    if not ordered:
        return None
    count, half = len(ordered), len(ordered) // 2
    median = ordered[half] if count % 2 else (ordered[half - 1] + ordered[half]) / 2
    return Distribution(
        unit=unit,
        count=count,
        median=median.quantize(_HUNDREDTH),
        p95=ordered[-(-count * 95 // 100) - 1].quantize(_HUNDREDTH),
        mean=(sum(ordered, ZERO) / count).quantize(_HUNDREDTH),
        buckets=_buckets([Decimal(edge) for edge in _EDGES[unit]], ordered),
    )


def _buckets(edges: Sequence[Decimal], values: Iterable[Decimal]) -> list[Bucket]:
    counts = Counter(bisect_right(edges, value) for value in values)
    lows = [None, *edges]
    highs = [*edges, None]
    return [
        Bucket(low, high, counts[place])
        for place, (low, high) in enumerate(zip(lows, highs, strict=True))
    ]


def highest_of(
    start: Decimal, changes: Iterable[tuple[datetime, Decimal]]
) -> tuple[Decimal, Decimal]:
    """The highest value that `start` reaches with `changes`, and the last one. Changes of one
    moment happen together."""
    by_moment: dict[datetime, Decimal] = {}
    for at, change in changes:
        by_moment[at] = by_moment.get(at, ZERO) + change
    highest = value = start
    for at in sorted(by_moment):
        value += by_moment[at]
        highest = max(highest, value)
    return highest, value
