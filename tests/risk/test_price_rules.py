"""The price collar by example."""

from decimal import Decimal

import pytest

from risk.engine.denials import Code
from risk.engine.evaluate import evaluate
from risk.engine.snapshot import InstrumentFacts
from tests.risk.cases import (
    NOW,
    check_of,
    denials,
    facts,
    global_limits,
    live,
    live_facts,
    option,
    order,
    share,
)
from trading.domain.values import Mode, OrderType, Product, Side

THREE = [global_limits(price_collar=Decimal(3))]
BOTH = [global_limits(price_collar=Decimal(3), price_collar_options=Decimal(20))]
NIFTY = {
    "exchange": "NFO",
    "tradingsymbol": "NIFTY26MAR22000CE",
    "product": Product.NRML,
    "quantity": 65,
}


def at(price, side=Side.BUY, **different):
    return order(side, **{"order_type": OrderType.LIMIT, "price": Decimal(str(price)), **different})


def market(last=100, instrument=None):
    price = None if last is None else Decimal(last)
    return facts(last_price=price, last_price_at=NOW, instrument=instrument or share())


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("price", "outcome"), [(97, "PASS"), (103, "PASS"), ("96.95", "DENY"), ("103.05", "DENY")]
)
def test_a_price_is_near_the_last_price_on_both_sides(side, price, outcome):
    assert evaluate(at(price, side), market(), THREE).outcome == outcome


def test_the_distance_is_told():
    decision = evaluate(at(104), market(), THREE)
    assert decision.reasons == (
        "The price 104 of NSE:INFY is 4 % off the last price 100; price_collar=3 in GLOBAL.",
    )
    assert check_of(decision, Code.PRICE_COLLAR).value == 4


def test_options_have_a_collar_of_their_own():
    assert evaluate(at(115, **NIFTY), market(instrument=option()), BOTH).outcome == "PASS"
    assert evaluate(at(121, **NIFTY), market(instrument=option()), BOTH).outcome == "DENY"
    assert evaluate(at(115), market(), BOTH).outcome == "DENY"


def test_a_contract_that_nobody_knows_must_be_inside_both():
    unknown = InstrumentFacts()
    assert evaluate(at(115, **NIFTY), market(instrument=unknown), BOTH).outcome == "DENY"
    assert evaluate(at(103, **NIFTY), market(instrument=unknown), BOTH).outcome == "PASS"


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (95, "The price 95 is below the day's lower circuit 96"),
        (105, "The price 105 is above the day's upper circuit 104"),
        (104, ""),
    ],
)
def test_a_price_is_inside_the_days_circuit(price, told):
    bands = share(lower_circuit=Decimal(96), upper_circuit=Decimal(104))
    decision = evaluate(
        at(price), market(instrument=bands), [global_limits(price_collar=Decimal(9))]
    )
    assert told in "".join(decision.reasons)
    assert bool(decision.reasons) is bool(told)


def test_the_trigger_of_a_stop_is_inside_the_circuit_too():
    stop = order(Side.SELL, order_type=OrderType.SL_M, trigger_price=Decimal(90))
    bands = share(lower_circuit=Decimal(96))
    assert denials(evaluate(stop, market(instrument=bands), THREE)) == {Code.PRICE_COLLAR}
    assert evaluate(stop, market(), THREE).outcome == "PASS"


@pytest.mark.parametrize(("price", "outcome"), [(88, "PASS"), (80, "DENY")])
def test_a_stops_price_is_measured_from_its_trigger(price, outcome):
    stop = at(price, Side.SELL, order_type=OrderType.SL, trigger_price=Decimal(90))
    assert evaluate(stop, market(last=None), THREE).outcome == outcome


def test_a_trigger_that_rests_at_the_broker_may_be_far_away():
    far = at(80, gtt=True, trigger_price=Decimal(80))
    assert evaluate(far, market(), THREE).outcome == "PASS"


def test_market_orders_have_no_price_to_judge():
    assert evaluate(order(), market(last=None), THREE).outcome == "PASS"


def test_without_a_last_price_a_person_is_denied_and_auto_waits_for_a_person():
    by_hand = evaluate(at(100), market(last=None), THREE)
    assert denials(by_hand) == {Code.PRICE_COLLAR}
    assert by_hand.gates == ()
    by_itself = evaluate(at(100, mode=Mode.AUTO), market(last=None), THREE)
    assert by_itself.outcome == "PASS"
    assert [gate.code for gate in by_itself.gates] == [Code.STALE_REFERENCE]


def test_the_collar_asks_for_a_fresh_price_on_live_accounts_too():
    limits = [global_limits(price_collar=Decimal(3), stale_reference=10)]
    auto = live(order_type=OrderType.LIMIT, price=Decimal(100))
    assert evaluate(auto, live_facts(), limits).gates == ()
    (gate,) = evaluate(auto, live_facts(last_price_at=None), limits).gates
    assert gate.message == ("No last price of NSE:INFY is known; stale_reference=10 in GLOBAL.")
