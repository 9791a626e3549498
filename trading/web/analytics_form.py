"""The filters of the analytics, from the address; kinds of account are looked at one by one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django import forms
from django.http import QueryDict

from brokers.models import ConnectionKind
from trading.analytics import Filter
from trading.web.forms import TradeFilter
from trading.web.periods import Period, periods
from trading.widgets import SymbolInput

# Real money is what one wants to see first.
_FIRST = (ConnectionKind.LIVE, ConnectionKind.SIMULATOR, ConnectionKind.PAPER)


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that sets one filter and keeps the others."""

    label: str
    query: str
    current: bool


class AnalyticsFilter(TradeFilter):
    """`?strategy=&money=&symbol=&from_day=&to_day=`, or `?period=` in place of the days.

    `kinds`: of the accounts there are; `traded`: those of them with trades, the first of which is
    meant without `money`. Play money and real money are never added up.
    """

    symbol = forms.CharField(
        max_length=128,
        widget=SymbolInput(attrs={"placeholder": "INFY, NSE:INFY"}),
    )
    field_order = ("strategy", "symbol", "from_day", "to_day")

    def __init__(
        self, query: QueryDict, *, kinds: Collection[str], traded: Collection[str], today: date
    ) -> None:
        self._periods = periods(today)
        self._kinds = [kind for kind in _FIRST if kind in kinds or kind in traded]
        self._usual = next(
            (kind for kind in self._kinds if kind in (traded or kinds)),
            ConnectionKind.PAPER,
        )
        data = query.copy()
        if not data.get("money"):
            data["money"] = self._usual.lower()
        self._set_days(data)
        super().__init__(data)
        self.is_valid()

    def _set_days(self, data: QueryDict) -> None:
        chosen = next((one for one in self._periods if one.key == data.get("period")), None)
        if chosen is not None:
            data["from_day"] = chosen.first.isoformat() if chosen.first else ""
            data["to_day"] = chosen.last.isoformat() if chosen.last else ""

    @property
    def kind(self) -> str:
        """LIVE, SIMULATOR or PAPER; what makes no sense is the usual one."""
        return super().kind or self._usual

    @property
    def asked(self) -> Filter:
        return Filter(
            strategy_id=self.strategy_id,
            kind=self.kind,
            symbol=(self.value("symbol") or "").strip(),
            first_day=self.value("from_day"),
            last_day=self.value("to_day"),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything but the kind of account is asked for."""
        return any(self.value(name) for name in self.field_order)

    @property
    def words(self) -> str:
        """What is asked for in a line, for paper."""
        first, last = self.value("from_day"), self.value("to_day")
        strategies = dict(self.fields["strategy"].choices)  # type: ignore[attr-defined]
        return " · ".join(
            (
                self.kind,
                strategies[self.value("strategy") or ""],
                self.value("symbol") or "Every symbol",
                f"{_written(first, 'the first trade')} to {_written(last, 'now')}",
            )
        )

    def period_choices(self) -> list[Choice]:
        """The quick choices; the one whose days are those asked for is current."""
        days = (self.value("from_day"), self.value("to_day"))
        wrong = "from_day" in self.errors or "to_day" in self.errors
        return [
            Choice(one.label, self._query(period=one.key), not wrong and days == _days(one))
            for one in self._periods
        ]

    def kind_choices(self) -> list[Choice]:
        """The kinds of account that there are."""
        days = {name: self.data.get(name, "") for name in ("from_day", "to_day")}
        if self.data.get("period"):
            days = {"period": self.data["period"]}
        return [
            Choice(kind, self._query(money=kind.lower(), **days), kind == self.kind)
            for kind in self._kinds
        ]

    def _query(self, **changes: str) -> str:
        """The address' query with the filters kept that are not of days."""
        query = QueryDict(mutable=True)
        kept = {name: self.data.get(name, "") for name in ("strategy", "money", "symbol")}
        for name, value in (kept | changes).items():
            if value:
                query[name] = value
        return query.urlencode()


def _days(period: Period) -> tuple[date | None, date | None]:
    return period.first, period.last


def _written(day: date | None, without: str) -> str:
    return f"{day.day} {day:%b %Y}" if day else without
