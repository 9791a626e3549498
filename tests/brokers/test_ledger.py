"""Positions and cash are what the trades add up to, however they came."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.models import PaperAccount, PaperOrder, PaperTrade
from brokers.paper import book, ledger
from brokers.paper.funds import PositionKey
from brokers.paper.matching import Match, MatchFill
from tests.brokers.conftest import MONDAY
from trading.domain.position import FillRow, fold
from trading.domain.values import Product, Side

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

KEY = PositionKey("NSE", "INFY", Product.MIS)


def trade(account: PaperAccount, number: int, fill: FillRow) -> None:
    order = PaperOrder.objects.create(
        account=account,
        tag=f"S{number}",
        order_id=f"P{number}",
        exchange=KEY.exchange,
        tradingsymbol=KEY.tradingsymbol,
        side=fill.side,
        quantity=fill.quantity,
        order_type="MARKET",
        product=KEY.product,
        validity="DAY",
        variety="regular",
        multiplier=Decimal("2.5"),
        status="OPEN",
        placed_at=MONDAY,
        updated_at=MONDAY,
    )
    match = Match(
        replace(book.match_order(order), filled=fill.quantity), MatchFill(fill.quantity, fill.price)
    )
    book.record(order, match, fill.at or MONDAY, MONDAY)


@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_equals_the_fold_of_every_trade(connection, monkeypatch, seed):
    monkeypatch.setattr(ledger, "_PAGE", 3)
    draw = random.Random(seed)
    account = PaperAccount.objects.create(connection=connection)
    fills: list[FillRow] = []
    for number in range(1, 61):
        price = Decimal(draw.randint(1, 60_000)) / 20
        fills.append(FillRow(draw.choice(list(Side)), draw.randint(1, 40), price))
        trade(account, number, fills[-1])
        if number % 6:
            continue
        expected = fold(fills, Decimal("2.5"))
        held = ledger.positions(account)[KEY]
        assert held.state.quantity == expected.quantity
        assert held.state.average_price == expected.average_price
        assert held.realised == expected.realised
        lots = [(lot.quantity, lot.price) for lot in held.state.open_lots]
        assert lots == [(lot.quantity, lot.price) for lot in expected.open_lots]


def test_an_earlier_state_is_the_fold_of_the_trades_until_then(connection):
    account = PaperAccount.objects.create(connection=connection)
    yesterday, fills = MONDAY - timedelta(days=1), []
    for number, (side, quantity, price, at) in enumerate(
        [
            (Side.BUY, 10, 100, yesterday),
            (Side.SELL, 4, 110, yesterday),
            (Side.SELL, 9, 120, MONDAY),
            (Side.BUY, 3, 90, MONDAY),
        ]
    ):
        fills.append(FillRow(side, quantity, Decimal(price), at=at))
        trade(account, number, fills[-1])
    held = ledger.positions(account, before=MONDAY)[KEY]
    assert (held.state.quantity, held.state.average_price) == (6, Decimal(100))
    assert held.realised == Decimal(100)
    assert ledger.positions(account)[KEY].realised == fold(fills, Decimal("2.5")).realised
    assert ledger.traded_since(account, MONDAY) == {KEY}
    assert ledger.traded_since(account, MONDAY + timedelta(hours=1)) == set()


def test_trades_that_do_not_add_up_are_an_error_and_not_a_guess(connection):
    account = PaperAccount.objects.create(connection=connection)
    trades = PaperTrade.objects.filter(order__account=account)
    with pytest.raises(ValueError, match="do not add up"):
        ledger._open_fills(trades, KEY, 5)
