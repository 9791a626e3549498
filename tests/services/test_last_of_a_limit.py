"""Workers at once: the last of a limit goes to one order, on SQLite and on PostgreSQL."""

import os
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from django.conf import settings

from brokers.accounts import ensure_paper_account
from risk.models import RiskSettings
from tests.factories import StrategyFactory, make_order
from tests.support.at_once import at_once
from tests.support.databases import fresh_database
from trading.domain.order import AT_BROKER, Status
from trading.models import Order
from trading.services.claim import Claim, claim_next

WORKERS = 4
ORDERS = 8


def limits(**values: int) -> None:
    RiskSettings.objects.create(scope="GLOBAL", **values)


def queue_up(**fields: object) -> None:
    """Orders of as many instruments, so that each could be claimed at once."""
    ensure_paper_account()
    strategy = StrategyFactory(name="racer")
    for number in range(ORDERS):
        symbol = f"SHARE{number}"
        values = {"symbol": f"NSE:{symbol}", "tradingsymbol": symbol, "strategy": strategy}
        make_order(Status.QUEUED, **(values | fields))


def claim_all() -> list[int]:
    """Claims by several workers until none finds any more: the orders that were claimed."""

    def work(name: str) -> list[int]:
        claimed: list[int] = []
        while (claim := claim_next(name)) is not None:
            claimed.append(_in_flight(claim))
        return claimed

    results = at_once(*[lambda n=number: work(f"worker:{n}:1") for number in range(WORKERS)])
    return [order_id for claimed in results for order_id in claimed]


def _in_flight(claim: Claim) -> int:
    assert claim.order.status == Status.SENDING
    return claim.order.pk


def denied_for(code: str) -> int:
    rows = Order.objects.filter(status=Status.REJECTED_RISK).values_list("risk", flat=True)
    return sum(
        any((check["code"], check["verdict"]) == (code, "DENY") for check in risk["checks"])
        for risk in rows
    )


@pytest.mark.db_backends
@pytest.mark.django_db(transaction=True)
class TestThreads:
    def test_two_open_positions_are_two(self) -> None:
        limits(max_open_positions=2)
        queue_up()
        assert len(claim_all()) == 2
        assert denied_for("MAX_OPEN_POSITIONS") == ORDERS - 2

    def test_two_working_orders_are_two(self) -> None:
        limits(max_working_orders=2)
        queue_up()
        assert len(claim_all()) == 2
        assert denied_for("MAX_WORKING_ORDERS") == ORDERS - 2

    def test_three_orders_a_day_are_three_though_none_was_answered_yet(self) -> None:
        limits(max_orders_per_day=3)
        queue_up()
        assert len(claim_all()) == 3
        assert denied_for("MAX_ORDERS_PER_DAY") == ORDERS - 3

    def test_three_trades_a_day_are_three_though_none_has_filled_yet(self) -> None:
        limits(max_trades_per_day=3)
        queue_up()
        assert len(claim_all()) == 3

    def test_a_position_grows_to_its_limit_and_no_further(self) -> None:
        """Orders of one underlying in two products, which may be in flight at once."""
        limits(max_position_quantity=30)
        RiskSettings.objects.update(clamp_mode="REJECT")
        ensure_paper_account()
        for product in ("MIS", "NRML", "MTF", "CNC"):
            for exchange in ("NSE", "BSE"):
                make_order(
                    Status.QUEUED,
                    symbol=f"{exchange}:INFY",
                    exchange=exchange,
                    tradingsymbol="INFY",
                    product=product,
                    order_type="LIMIT",
                    price=Decimal(1),
                )
        sent = 0
        while claimed := claim_all():
            sent += len(claimed)
            # They rest at the broker: other orders of the instrument may go.
            Order.objects.filter(pk__in=claimed).update(status=Status.SENT)
        working = Order.objects.filter(status__in=AT_BROKER)
        assert sent == working.count() == 3  # 10 units each
        assert denied_for("MAX_POSITION_QUANTITY") == ORDERS - 3


_WORKER = """
import django
django.setup()
from trading.services.claim import claim_next
import sys, time
while time.time() < float(sys.argv[2]):
    pass
claimed = 0
while claim_next(sys.argv[1]) is not None:
    claimed += 1
print(claimed)
"""


@pytest.mark.db_backends
@pytest.mark.django_db(transaction=True)
def test_workers_in_processes_of_their_own_share_the_last_position() -> None:
    with fresh_database() as url:
        limits(max_open_positions=2)
        queue_up()
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("ST_", "DJANGO_"))},
            "DJANGO_SETTINGS_MODULE": "sigmatrader.settings",
            "ST_ENV_FILE": os.devnull,
            "ST_ENVIRONMENT": "test",
            "ST_DATA_DIR": str(settings.ST.DATA_DIR),
            "ST_DATABASE_URL": url,
        }
        together = str(time.time() + 3)
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", _WORKER, f"host:{number}:1", together],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(2)
        ]
        counts = [int(worker.communicate(timeout=60)[0]) for worker in workers]
        assert sum(counts) == 2
        assert denied_for("MAX_OPEN_POSITIONS") == ORDERS - 2
