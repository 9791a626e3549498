"""What the adapter brings into a process, and how threads share it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.brokers.zerodha.samples import ORDER_ID, an_order
from tests.brokers.zerodha.stub import success


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("brokers.zerodha.adapter", ["django", "kiteconnect", "twisted"]),
        ("brokers.zerodha.session", ["django", "kiteconnect", "twisted"]),
        ("brokers.zerodha.postback", ["django", "kiteconnect", "requests"]),
        ("brokers.zerodha.mapping", ["django", "kiteconnect", "requests"]),
    ],
)
def test_a_module_is_imported_without_what_it_does_not_need(module, absent):
    code = f"import sys, {module}; print(*(set({absent!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


def test_threads_that_share_a_client_take_turns(broker, stub):
    answers = [success({"order_id": f"{number}"}) for number in range(7)]
    stub.say("POST", "/orders/regular", *answers, success({"order_id": ORDER_ID}, 500))
    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda _: broker.place(an_order()), range(8)))
    assert {one.order_id for one in placed} == {*map(str, range(7)), ORDER_ID}
    assert [one.order_id for one in placed if one.anomaly] == [ORDER_ID]
