"""Data of an older version survives the upgrade to this one.

tests/data/database-0.1.0.sql is a database as version 0.1.0 left it: an AUTO round trip, a
clamped order, a waiting one, a cancelled one, a refused alert.
"""

import sqlite3
from pathlib import Path

from tests.support.books import ReadBooks
from tests.support.server import ServerFactory

DATA = Path(__file__).resolve().parents[1] / "data"
OLD = {
    "ST_CRYPTO_KEYS": "b25seS1mb3ItdGVzdHMtb2YtYW4tdXBncmFkZS0wMDE=",  # of the old database
    "ST_TRADINGVIEW_WEBHOOK_SECRET": "upgrade-secret",
}


def test_a_database_of_the_first_version_goes_on(
    make_server: ServerFactory, read_books: ReadBooks
) -> None:
    server = make_server(start=False, environment=OLD, migrated=False)
    with sqlite3.connect(server.data_dir / "sigmatrader.sqlite3") as database:
        database.executescript((DATA / "database-0.1.0.sql").read_text())
        # As if it had been left a moment ago: what waits would have expired long since.
        database.execute("UPDATE orders SET expires_at = '2999-01-01' WHERE status = 'WAITING'")
    database.close()
    server.start_web()
    orders = {order["symbol"]: order for order in server.api("/api/orders/").json()["results"]}
    assert orders["NSE:TCS"]["status"] == "EXECUTED"
    assert (orders["NSE:TCS"]["qty"], orders["NSE:TCS"]["requested_qty"]) == (100, 150)
    assert orders["NSE:TCS"]["risk"]["notes"] == [
        "Quantity clamped from 150 to 100 due to max_quantity_per_order=100 in GLOBAL."
    ]
    assert orders["NSE:ITC"]["status"] == "CANCELLED"
    positions = {
        row["symbol"].removeprefix("NSE:"): row for row in server.api("/api/positions/").json()
    }
    assert (positions["TCS"]["qty"], positions["INFY"]["qty"]) == (100, 0)
    assert positions["INFY"]["realised"] == "30"
    assert len(server.api("/api/trades/").json()["results"]) == 1
    outcomes = [alert["outcome"] for alert in server.api("/api/alerts/").json()["results"]]
    assert sorted(outcomes) == ["ACCEPTED"] * 5 + ["REJECTED"]
    # Whoever had no second factor is asked for none.
    resumed = {"state": "ACTIVE", "reason": "after the upgrade"}
    assert server.api("/api/trading-state/", data=resumed).status == 200
    assert "has no second factor" in server.manage("removesecondfactor", server.admin_username)
    with sqlite3.connect(server.data_dir / "sigmatrader.sqlite3") as database:
        hours = database.execute("SELECT segment, covered_until FROM market_hours").fetchall()
        days = database.execute("SELECT count(*) FROM market_days").fetchone()
    database.close()
    assert {until for _, until in hours} == {"2026-12-31"}
    assert (len(hours), days) == (4, (72,))
    # The waiting order can be sent, and the old secret still opens the door.
    waiting = orders["NSE:SBIN"]["id"]
    server.api(f"/api/orders/{waiting}/execute/", method="POST", data={})
    server.wait_for_order(waiting, "EXECUTED")
    fresh = server.send_alert(
        {
            "strategy_name": "robot",
            "symbol": "NSE:LT",
            "trade_details": {"order_action": "BUY", "quantity": 1, "price": 3600},
        }
    )
    server.wait_for_order(fresh.json()["order_id"], "EXECUTED")
    read_books(server).check_invariants()
