"""Contracts that have expired, as the pages show them: what each was settled at, and by what."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Q, QuerySet, Sum
from django.urls import reverse

from brokers.models import AccountPosition, BrokerConnection
from trading.domain.session import trading_day
from trading.domain.values import InstrumentKey
from trading.models import Position, Settlement
from trading.services import expiry
from trading.web.forms import AmountField, day_field


def contract_url(key: InstrumentKey) -> str:
    """The address of the page on one contract that has expired."""
    query = urlencode({"exchange": key.exchange, "symbol": key.tradingsymbol})
    return f"{reverse('expired')}?{query}"


@dataclass(frozen=True, slots=True)
class ExpiredRow:
    """What a settlement ended in one account. `pnl`: rupees, None while the price is not known.

    `shown`: the last price that the broker told of the contract itself.
    """

    settlement: Settlement
    pnl: Decimal | None
    shown: Decimal | None = None

    @property
    def name(self) -> str:
        return str(_key(self.settlement))

    @property
    def key(self) -> tuple[str, str, str]:
        """Exchange, symbol and product: the position that it was."""
        return self.settlement.exchange, self.settlement.symbol, self.settlement.product

    @property
    def url(self) -> str:
        return contract_url(_key(self.settlement))

    @property
    def history(self) -> list[str]:
        return self.settlement.history.splitlines()


def expired_in(connection: BrokerConnection, since: datetime) -> list[ExpiredRow]:
    """What expired in the account today or was settled since, and what waits for its price."""
    rows = Settlement.objects.filter(connection=connection)
    return _rows(
        rows.filter(
            Q(price__isnull=True) | Q(booked_at__gte=since) | Q(expired_on__gte=trading_day(since))
        )
    )


def settlements_of(key: InstrumentKey) -> list[ExpiredRow]:
    """The contract in every account."""
    rows = Settlement.objects.filter(exchange=key.exchange, symbol=key.tradingsymbol)
    return _rows(rows.order_by("connection__name", "product", "pk"))


def _rows(settlements: QuerySet[Settlement]) -> list[ExpiredRow]:
    found = settlements.select_related("connection").annotate(made=Sum("trades__pnl"))
    return [
        ExpiredRow(one, None if one.price is None else one.made or Decimal(0), _shown(one))
        for one in found
    ]


def _shown(settlement: Settlement) -> Decimal | None:
    row = AccountPosition.objects.filter(
        connection_id=settlement.connection_id,
        exchange=settlement.exchange,
        tradingsymbol=settlement.symbol,
        product=settlement.product,
    ).first()
    return row.last_price if row else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contract whose end is a person's to tell. `unlisted`: nobody knows its last day either."""

    key: InstrumentKey
    expired_on: date | None
    unlisted: bool

    @property
    def url(self) -> str:
        return contract_url(self.key)


def waiting() -> list[Waiting]:
    """Contracts whose settlement price is not known, then those that no list knows any more."""
    unpriced = Settlement.objects.filter(price__isnull=True).order_by("expired_on", "symbol")
    days = {_key(one): one.expired_on for one in unpriced}
    unknown = dict.fromkeys(_key(one) for one in expiry.unlisted())
    return [
        *(Waiting(key, day, unlisted=False) for key, day in days.items()),
        *(Waiting(key, None, unlisted=True) for key in unknown if key not in days),
    ]


def _key(row: Settlement | Position) -> InstrumentKey:
    return InstrumentKey(row.exchange, row.symbol)


class ContractForm(forms.Form):
    """Which contract: hidden fields."""

    exchange = forms.CharField(max_length=64, widget=forms.HiddenInput)
    symbol = forms.CharField(max_length=128, strip=False, widget=forms.HiddenInput)


class PriceForm(forms.Form):
    """What a contract was settled at; `expired_on` only where no list says when it ended."""

    price = AmountField(
        label="Settlement price ₹",
        min_value=Decimal(0),
        max_value=expiry.MAX_PRICE,
        max_digits=14,
        decimal_places=4,
        help_text="Rupees a unit, as the exchange or your contract note says: 180.40 for an option "
        "in the money, 0 for one that ended worthless, 26,180.40 for a future.",
        error_messages={
            "required": "Enter the price, 0 if the contract ended worthless.",
            "min_value": "Enter 0 or more.",
        },
    )
    expired_on = day_field("Expired on")

    def __init__(self, *args: Any, unlisted: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if unlisted:
            field = self.fields["expired_on"]
            field.help_text = "The last day on which it traded, such as 29 December 2026."
            field.error_messages["required"] = "Enter the last day on which it traded."
        else:
            del self.fields["expired_on"]
