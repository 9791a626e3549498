"""The rules of the instrument by example."""

from datetime import date
from decimal import Decimal

import pytest

from risk.engine.denials import Code
from risk.engine.evaluate import evaluate
from risk.engine.snapshot import InstrumentFacts
from tests.risk.cases import denials, facts, live, live_facts, option, order, share
from trading.domain.values import OrderType, Product, Side, Validity

NIFTY = {"exchange": "NFO", "tradingsymbol": "NIFTY26MAR22000CE", "product": Product.NRML}


def reason(intent, snapshot):
    (text,) = evaluate(intent, snapshot, []).reasons
    return text


def test_without_a_list_nothing_is_held_against_an_order():
    assert evaluate(live(), live_facts(instrument=InstrumentFacts()), []).outcome == "PASS"


def test_on_paper_an_unlisted_share_can_be_traded():
    unlisted = share(listed=False)
    assert evaluate(order(), facts(instrument=unlisted), []).outcome == "PASS"
    told = reason(live(), live_facts(instrument=unlisted))
    assert told.startswith("NSE:INFY is not in the day's instrument list: correct the symbol")


@pytest.mark.parametrize(
    ("expiry", "outcome"), [(date(2026, 3, 3), "DENY"), (date(2026, 3, 4), "PASS")]
)
def test_a_contract_trades_on_its_last_day(expiry, outcome):
    intent, snapshot = order(quantity=65, **NIFTY), facts(instrument=option(expiry=expiry))
    assert evaluate(intent, snapshot, []).outcome == outcome


@pytest.mark.parametrize(
    ("quantity", "told"), [(64, "use 65."), (100, "use 65 or 130."), (65, ""), (130, "")]
)
def test_whole_lots_are_named(quantity, told):
    decision = evaluate(order(quantity=quantity, **NIFTY), facts(instrument=option()), [])
    assert "".join(decision.reasons).endswith(told)
    assert bool(decision.reasons) is bool(told)


def test_without_a_list_the_lot_of_the_order_counts():
    assert denials(evaluate(order(quantity=70, lot_size=65), facts(), [])) == {Code.LOT_SIZE}


def test_the_days_list_knows_the_lot_better_than_the_order():
    intent = order(quantity=65, lot_size=50, **NIFTY)
    assert evaluate(intent, facts(instrument=option()), []).outcome == "PASS"


def test_an_unknown_lot_denies():
    assert "lot of NSE:INFY is not known" in reason(order(lot_size=0), facts())


def test_the_prices_beside_a_wrong_one_are_named():
    intent = order(order_type=OrderType.LIMIT, price=Decimal("100.03"))
    assert reason(intent, facts(instrument=share())) == (
        "The price 100.03 of NSE:INFY is no multiple of its tick 0.05: use 100 or 100.05."
    )


@pytest.mark.parametrize(
    ("intent", "outcome"),
    [
        (order(order_type=OrderType.MARKET, price=Decimal("100.03")), "PASS"),
        (order(order_type=OrderType.SL_M, trigger_price=Decimal("100.03")), "DENY"),
        (order(order_type=OrderType.SL_M, trigger_price=Decimal("100.05")), "PASS"),
        (
            order(
                order_type=OrderType.LIMIT,
                price=Decimal("100.05"),
                trigger_price=Decimal("100.03"),
                gtt=True,
            ),
            "DENY",
        ),
    ],
)
def test_only_prices_that_are_sent_must_be_on_the_tick(intent, outcome):
    assert evaluate(intent, facts(instrument=share()), []).outcome == outcome


def test_the_largest_order_is_in_whole_lots():
    snapshot = facts(instrument=option(freeze_quantity=1800))
    assert evaluate(order(quantity=1755, **NIFTY), snapshot, []).outcome == "PASS"
    told = reason(order(quantity=1820, **NIFTY), snapshot)
    assert told.startswith("The exchange takes at most 1755 of NFO:NIFTY26MAR22000CE in one order")


SL_M = {"order_type": OrderType.SL_M, "trigger_price": Decimal(100)}
SL = {"order_type": OrderType.SL, "trigger_price": Decimal(100), "price": Decimal(101)}
ON_MCX = {"exchange": "MCX", "tradingsymbol": "CRUDEOIL26MARFUT", "product": Product.NRML}


@pytest.mark.parametrize(
    ("intent", "instrument", "told"),
    [
        (order(quantity=65, **NIFTY), option(of_index=False), "takes no MARKET orders: use LIMIT"),
        (order(quantity=65, **NIFTY), option(), ""),
        (order(quantity=65, **NIFTY, **SL_M), option(), "takes no SL-M orders: use SL."),
        (order(quantity=65, **NIFTY, **SL), option(), ""),
        (order(quantity=65, **NIFTY, **SL_M), option(kind="FUT"), ""),
        (order(exchange="BSE", **SL_M), share(), "BSE takes no SL-M orders: use SL with a price."),
        (order(**SL_M), share(), ""),
        (order(validity=Validity.IOC, **ON_MCX), share(kind="FUT"), "MCX takes no IOC orders"),
        (order(validity=Validity.IOC), share(), ""),
        (order(order_type=OrderType.SL_M), share(), "An SL-M order needs a trigger price"),
    ],
)
def test_what_a_segment_does_not_take_is_denied_with_the_way_out(intent, instrument, told):
    decision = evaluate(intent, facts(instrument=instrument), [])
    assert denials(decision) == ({Code.ORDER_TYPE_POLICY} if told else set())
    assert told in "".join(decision.reasons)


@pytest.mark.parametrize(
    ("side", "trigger", "outcome"),
    [
        (Side.BUY, 101, "PASS"),
        (Side.BUY, 100, "DENY"),
        (Side.BUY, 99, "DENY"),
        (Side.SELL, 99, "PASS"),
        (Side.SELL, 100, "DENY"),
        (Side.SELL, 101, "DENY"),
    ],
)
def test_a_live_stop_waits_on_the_far_side_of_the_last_price(side, trigger, outcome):
    stop = {"order_type": OrderType.SL_M, "trigger_price": Decimal(trigger), "side": side}
    assert evaluate(live(**stop), live_facts(), []).outcome == outcome
    assert evaluate(order(**stop), facts(last_price=Decimal(100)), []).outcome == "PASS"


def test_without_a_last_price_a_live_stop_is_not_judged():
    stop = live(order_type=OrderType.SL_M, trigger_price=Decimal(99))
    assert evaluate(stop, live_facts(last_price=None), []).outcome == "PASS"
