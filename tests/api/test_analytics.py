"""What closed trades add up to, by REST."""

from datetime import datetime, timedelta

import pytest

from sigmatrader import clock
from tests.factories import StrategyFactory
from tests.support.fills import fill, order_of
from trading.services import day_totals

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("charge_rates")]

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=clock.IST)


@pytest.fixture
def strategy(account):
    found = StrategyFactory()
    stop = {"stop_price": "995"}
    fill(order_of("BUY", 100, strategy=found, exit_plan=stop), 100, "1000", MONDAY)
    fill(order_of("SELL", 100, strategy=found), 100, "1010", MONDAY + timedelta(minutes=30))
    return found


def test_the_summary_tells_gross_charges_and_net(api, strategy):
    day_totals.work()
    response = api.get("analytics/summary/")
    assert response.status_code == 200
    assert response.json() == {
        "trades": 1,
        "wins": 1,
        "losses": 0,
        "flat": 0,
        "gross": "1000",
        "charges": "82.97",
        "charges_told": "0",
        "net": "917.03",
        "won": "917.03",
        "lost": "0",
        "best": "917.03",
        "worst": "917.03",
        "win_rate": "100",
        "average_win": "917.03",
        "average_loss": None,
        "profit_factor": None,
        "expectancy": "917.03",
        "average_r": "1.8341",
        "max_drawdown": "0",
        "drawdown_from": None,
        "drawdown_to": None,
        "average_holding": 1800,
        "median_holding": 1800,
        "pending_days": 0,
    }


def test_it_is_filtered_like_the_page(api, strategy):
    day_totals.work()

    def trades(**asked):
        return api.get("analytics/summary", **asked).json()["trades"]

    assert trades(strategy_id=strategy.pk, symbol="nse:infy", kind="paper") == 1
    assert trades(symbol="TCS") == 0
    assert trades(kind="LIVE") == 0
    assert trades(**{"from": "2026-11-23", "to": "2026-11-23"}) == 1
    assert trades(**{"from": "2026-11-24"}) == 0


def test_what_is_not_added_up_yet_is_told(api, strategy):
    body = api.get("analytics/summary/").json()
    assert (body["trades"], body["pending_days"]) == (0, 1)


def test_every_wrong_parameter_is_named(api):
    response = api.get(
        "analytics/summary/", **{"from": "monday", "to": "2026-13-01", "kind": "TOY"}
    )
    assert response.status_code == 400
    assert response.json()["errors"] == {
        "kind": ["Use one of PAPER, LIVE, SIMULATOR."],
        "from": ["Use a day such as 2026-11-23."],
        "to": ["Use a day such as 2026-11-23."],
    }


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_day_at_the_end_of_all_calendars_is_refused(api, name, day):
    response = api.get("analytics/summary/", **{name: day})
    assert response.status_code == 400
    assert name in response.json()["errors"]


def test_a_trade_tells_what_it_cost_once_that_is_worked_out(api, strategy):
    before = api.get("trades/").json()["results"][0]
    assert (before["pnl"], before["charges"], before["net"]) == ("1000", None, None)
    day_totals.work()
    after = api.get("trades/").json()["results"][0]
    assert (after["pnl"], after["charges"], after["net"]) == ("1000", "82.97", "917.03")
