"""What closed trades add up to: sums, curves and distributions, exact. Pure."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from trading.domain.values import Side

ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trade:
    """A piece of a position that was opened and closed. Rupees; `gross` is before charges.

    `risk`: rupees that the planned stop put at stake; None without a stop.
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
