"""Good-till-triggered orders at the simulated exchange."""

import pytest

from brokers.simulator.errors import KiteError
from tests.brokers.simulator.exchanges import (
    at,
    exchange,
    market_order,
    price,
    row,
    status,
    trigger,
)


def holding_sim(**kwargs):
    sim = exchange(**kwargs)
    sim.deposit("NSE", "INFY", 10, 1400)
    return sim


def results(sim, trigger_id):
    found = sim.gtt(trigger_id)
    return [leg["result"] and leg["result"]["order_result"] for leg in found["orders"]]


def test_a_single_trigger_fires_one_limit_order_without_a_tag():
    sim = holding_sim()
    trigger_id = sim.gtt_place(trigger(values=(1450,)))
    price(sim, 1460)
    assert sim.gtt(trigger_id)["status"] == "active" and sim.orders() == []
    price(sim, 1450)
    (result,) = results(sim, trigger_id)
    assert (sim.gtt(trigger_id)["status"], result["status"]) == ("triggered", "success")
    fired = row(sim, result["order_id"])
    assert (fired["status"], fired["order_type"], fired["tag"]) == ("COMPLETE", "LIMIT", None)
    price(sim, 1440)
    assert len(sim.orders()) == 1


def test_a_trigger_above_the_price_waits_for_a_rise():
    sim = exchange()
    trigger_id = sim.gtt_place(trigger(values=(1550,), side="BUY"))
    price(sim, 1549)
    assert sim.gtt(trigger_id)["status"] == "active"
    price(sim, 1551)
    assert sim.gtt(trigger_id)["status"] == "triggered"


@pytest.mark.parametrize(("reached", "leg"), [(1440, 0), (1610, 1)])
def test_one_leg_of_two_uses_up_the_trigger(reached, leg):
    sim = holding_sim()
    trigger_id = sim.gtt_place(trigger("two-leg", (1450, 1600)))
    price(sim, reached)
    after = results(sim, trigger_id)
    assert after[leg]["status"] == "success" and after[1 - leg] is None
    price(sim, 1610 if leg == 0 else 1440)
    assert len(sim.orders()) == 1
    assert sim.ledger()["triggers"][0]["order_ids"] == [after[leg]["order_id"]]


def test_a_fired_leg_may_be_refused_at_once():
    sim = exchange()
    trigger_id = sim.gtt_place(trigger(values=(1450,)))
    price(sim, 1449)
    (result,) = results(sim, trigger_id)
    assert (sim.gtt(trigger_id)["status"], result["status"]) == ("triggered", "failed")
    assert result["order_id"] == ""
    assert "Insufficient stock holding" in result["rejection_reason"]
    assert sim.orders() == []


def test_a_fired_order_may_be_rejected_later():
    sim = holding_sim()
    trigger_id = sim.gtt_place(trigger(values=(1450,)))
    sim.behaviour.reject_async = "RMS: no"
    price(sim, 1449)
    (result,) = results(sim, trigger_id)
    assert (result["status"], result["rejection_reason"]) == ("failed", "RMS: no")
    assert status(sim, result["order_id"]) == "REJECTED"


def test_nothing_fires_while_the_market_is_shut():
    sim = holding_sim()
    trigger_id = sim.gtt_place(trigger(values=(1450,)))
    sim.close_market()
    price(sim, 1440)
    assert sim.gtt(trigger_id)["status"] == "active"
    sim.open_market()
    assert sim.gtt(trigger_id)["status"] == "triggered"


def test_a_modified_trigger_follows_its_new_values():
    sim = holding_sim()
    trigger_id = sim.gtt_place(trigger(values=(1450,)))
    assert sim.gtt_modify(trigger_id, trigger(values=(1480,))) == trigger_id
    price(sim, 1479)
    assert sim.gtt(trigger_id)["status"] == "triggered"
    with pytest.raises(KiteError, match="triggered"):
        sim.gtt_modify(trigger_id, trigger(values=(1400,)))


def test_a_deleted_trigger_is_shown_for_a_week_and_never_fires():
    sim = holding_sim(moment=at(7, 10))
    trigger_id = sim.gtt_place(trigger(values=(1450,)))
    sim.gtt_delete(trigger_id)
    price(sim, 1440)
    assert [each["status"] for each in sim.gtts()] == ["deleted"]
    assert sim.orders() == []
    sim.clock.set(at(14, 11))
    assert sim.gtts() == []
    assert sim.gtt(trigger_id)["status"] == "deleted"


def test_a_trigger_outlives_the_day_and_expires_after_a_year():
    sim = holding_sim(moment=at(7, 10))
    trigger_id = sim.gtt_place(trigger(values=(1450,)))
    sim.clock.set(at(9, 10))
    assert sim.gtt(trigger_id)["status"] == "active"
    sim.clock.set(at(9, 10).replace(year=2027))
    assert sim.gtt(trigger_id)["status"] == "expired"


@pytest.mark.parametrize("ending", ["disabled", "cancelled", "rejected"])
def test_the_broker_may_end_a_trigger(ending):
    sim = exchange()
    trigger_id = sim.gtt_place(trigger(values=(1550,), side="BUY"))
    sim.end_trigger(trigger_id, ending)
    price(sim, 1560)
    assert sim.gtt(trigger_id)["status"] == ending
    assert sim.orders() == []


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "type"),
        ({"type": "single"}, "condition"),
        ({"type": "single", "condition": "[1]", "orders": "[]"}, "condition"),
        (trigger("two-leg", (1450,)), "trigger_values"),
        (trigger("two-leg", (1450, 1490)), "trigger_values"),
        (trigger(values=(1500,)), "already met"),
        (trigger(values=(1450,), order_type="MARKET"), "LIMIT orders only"),
        (trigger(values=(1450,), product="MIS"), "product"),
        (trigger(values=(1450,), quantity=0), "quantity"),
        (trigger(values=(1450,), quantity=True), "quantity"),
        (trigger(values=(1450.05,)), "tick size"),
        (trigger(values=(1450,), last="abc"), "last_price"),
        (trigger(values=(1450,), legs=[{}]), "orders"),
    ],
)
def test_a_bad_trigger_is_refused_by_name(form, says):
    sim = exchange()
    with pytest.raises(KiteError) as caught:
        sim.gtt_place(form)
    assert says in caught.value.message
    assert caught.value.error_type == "InputException"
    assert sim.gtts() == []


def test_a_trigger_that_fires_does_not_touch_other_orders():
    sim = holding_sim()
    tagged = sim.place("regular", market_order(tag="mine"))
    sim.gtt_place(trigger(values=(1450,)))
    price(sim, 1449)
    assert [(each["tag"], each["source"]) for each in sim.ledger()["orders"]] == [
        ("mine", "api"),
        (None, "gtt"),
    ]
    assert status(sim, tagged) == "COMPLETE"
