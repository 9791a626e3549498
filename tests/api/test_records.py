"""Alerts, positions and trades as they are listed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.factories import StrategyFactory, make_order
from trading.models import Alert, ClosedTrade, Position

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def make_alert(**fields):
    values = {
        "strategy_name": "supertrend",
        "symbol": "NSE:INFY",
        "exchange": "NSE",
        "action": "BUY",
        "qty": 10,
        "price": Decimal("1500.5"),
        "raw_body": '{"secret": "***"}',
        "received_at": NOON,
        "outcome": "ACCEPTED",
    }
    return Alert.objects.create(**values | fields)


def test_an_alert_has_the_documented_fields(api):
    strategy = StrategyFactory(name="supertrend")
    alert = make_alert(strategy=strategy, bar_time=NOON)
    order = make_order(alert=alert, strategy=strategy)
    make_order(alert=alert, strategy=strategy, retry_of=order)
    body = api.get("alerts/").json()["results"][0]
    assert set(body) >= {
        "id", "received_at", "strategy_id", "symbol", "exchange", "action", "qty", "price",
        "interval", "platform", "bar_time", "reason", "outcome", "code", "errors", "warnings",
        "repaired", "raw_body", "order_id",
    }  # fmt: skip
    assert (body["order_id"], body["strategy_id"]) == (order.pk, strategy.pk)
    assert (body["price"], body["qty"]) == ("1500.5", 10)
    assert body["received_at"] == body["bar_time"] == "2026-11-23T06:30:00Z"
    assert api.get(f"alerts/{alert.pk}/").json() == body


def test_a_refused_alert_shows_the_reason_and_what_could_be_read(api):
    make_alert(outcome="REJECTED", code="invalid_payload", errors={"symbol": ["is missing."]})
    body = api.get("alerts/").json()["results"][0]
    assert (body["outcome"], body["errors"]) == ("REJECTED", {"symbol": ["is missing."]})
    assert body["order_id"] is None


def test_alerts_are_filtered_and_paged_newest_first(api):
    strategy = StrategyFactory()
    first = make_alert(strategy=strategy, received_at=NOON - timedelta(days=1))
    second = make_alert(symbol="NSE:TCS", outcome="IGNORED", code="no_open_position")
    third = make_alert(symbol="BSE:TCS", outcome="REJECTED")

    def found(**parameters):
        return [row["id"] for row in api.get("alerts/", **parameters).json()["results"]]

    assert found() == [third.pk, second.pk, first.pk]
    assert found(outcome="IGNORED,REJECTED") == [third.pk, second.pk]
    assert found(symbol="TCS") == [third.pk, second.pk]
    assert found(symbol="nse:tcs") == [second.pk]
    assert found(strategy_id=strategy.pk) == [first.pk]
    assert found(to="2026-11-22") == [first.pk]
    assert found(**{"from": "2026-11-23"}) == [third.pk, second.pk]
    page = api.get("alerts/", limit=2).json()
    assert [row["id"] for row in api.get(page["next"]).json()["results"]] == [first.pk]
    refused = api.get("alerts/", outcome="LOST")
    assert "ACCEPTED, IGNORED, REJECTED" in refused.json()["errors"]["outcome"][0]


def test_a_position_has_the_documented_fields(api, account):
    Position.objects.create(
        connection=account,
        exchange="NSE",
        symbol="INFY",
        product="MIS",
        qty=-10,
        avg_price=Decimal("1500.05"),
        last_price=Decimal("1490"),
        realised=Decimal("25"),
        pnl=Decimal("125.5"),
        last_updated=NOON,
    )
    assert api.get("positions/").json() == [
        {
            "symbol": "NSE:INFY",
            "exchange": "NSE",
            "tradingsymbol": "INFY",
            "product": "MIS",
            "connection": "paper",
            "qty": -10,
            "average_price": "1500.05",
            "last_price": "1490",
            "pnl": "125.5",
            "realised": "25",
            "unrealised": "100.5",
            "last_updated": "2026-11-23T06:30:00Z",
        }
    ]


def test_trades_are_paged_and_filtered(api, account):
    entry, exit_order = make_order(), make_order(side="SELL")

    def make_trade(day, **fields):
        return ClosedTrade.objects.create(
            **{
                "entry_order": entry,
                "exit_order": exit_order,
                "connection": account,
                "exchange": "NSE",
                "symbol": "INFY",
                "product": "MIS",
                "side": "BUY",
                "qty": 10,
                "entry_price": Decimal(1500),
                "exit_price": Decimal("1510.25"),
                "pnl": Decimal("102.5"),
                "simulated": True,
                "opened_at": NOON - timedelta(days=day),
                "closed_at": NOON - timedelta(days=day),
            }
            | fields
        )

    old, new = make_trade(2), make_trade(0, symbol="TCS", simulated=False)
    rows = api.get("trades/").json()["results"]
    assert [row["id"] for row in rows] == [new.pk, old.pk]
    assert (rows[1]["symbol"], rows[1]["pnl"]) == ("NSE:INFY", "102.5")
    assert (rows[1]["entry_order_id"], rows[1]["exit_order_id"]) == (entry.pk, exit_order.pk)

    def found(**parameters):
        return [row["id"] for row in api.get("trades/", **parameters).json()["results"]]

    assert found(symbol="NSE:TCS") == found(symbol="tcs") == [new.pk]
    assert found(simulated="true") == [old.pk]
    assert found(to="2026-11-22") == [old.pk]
    assert found(limit=1) == [new.pk]
    assert found(symbol="BSE:TCS") == []
