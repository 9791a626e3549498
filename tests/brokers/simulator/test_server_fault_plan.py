"""Plans of faults: scripts, chance, and their JSON form."""

import pytest

from brokers.simulator import faults, misbehaviour
from brokers.simulator.faults import Fault, FaultPlan


def drawn(seed, count=200):
    plan = FaultPlan()
    plan.seeded(seed, {faults.lying_400(): 0.2, faults.reset_before(): 0.3}, ["place", "cancel"])
    return [plan.take("place") for _ in range(count)]


def test_chance_is_repeatable_and_keeps_its_probabilities():
    first = drawn(7)
    assert first == drawn(7)
    assert first != drawn(8)
    kinds = [fault.kind if fault else "" for fault in first]
    assert 20 <= kinds.count("lying_400") <= 60
    assert 40 <= kinds.count("reset_before") <= 80


def test_chance_touches_only_its_calls_and_a_script_comes_first():
    plan = FaultPlan()
    plan.seeded(1, {faults.reset_before(): 1.0}, ["place"])
    plan.script("place", faults.lying_400())
    assert plan.take("orders") is None
    assert plan.take("place") == faults.lying_400()
    assert plan.take("place") == faults.reset_before()
    plan.clear()
    assert plan.take("place") is None


def test_mistakes_in_a_plan_are_named():
    plan = FaultPlan()
    with pytest.raises(ValueError, match="'plcae' is no call"):
        plan.script("plcae", faults.lying_400())
    with pytest.raises(ValueError, match="add up to more than 1"):
        plan.seeded(1, {faults.lying_400(): 0.6, faults.reset_before(): 0.6})
    with pytest.raises(ValueError, match="'nothing' is none of"):
        faults.from_dict({"kind": "nothing"})
    with pytest.raises(ValueError, match="slow: takes no speed"):
        faults.from_dict({"kind": "slow", "seconds": 1, "speed": 2})
    with pytest.raises(ValueError, match="slow"):
        faults.from_dict({"kind": "slow"})
    with pytest.raises(ValueError, match="body is one of"):
        faults.from_dict({"kind": "refuse_status", "status": 500, "body": "xml"})


@pytest.mark.parametrize(
    "fault",
    [
        None,
        faults.slow(2, then=faults.accept_then_status(502, "html")),
        faults.malformed(accepted=False),
        *(
            make()
            for make in faults.MAKERS.values()
            if make
            not in (
                faults.accept_late, faults.answer_late, faults.accept_then_status,
                faults.refuse_status, faults.slow, faults.redirect, faults.refuse_connection,
            )
        ),
    ],
    ids=lambda fault: fault.kind if fault else "none",
)  # fmt: skip
def test_a_fault_survives_its_json_form(fault: Fault | None):
    assert faults.from_dict(fault.as_dict() if fault else None) == fault


def test_every_fault_can_be_played():
    assert set(faults.MAKERS) == set(misbehaviour.ACTS)
