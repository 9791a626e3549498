import threading
import time

import pytest
from django.db import connections, transaction

from sigmatrader.db import Busy, commit_within, is_sqlite, write_transaction
from tests.factories import StrategyFactory
from trading.models import Strategy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_backends]


def in_threads(count: int, work) -> None:  # type: ignore[no-untyped-def]
    def run(number: int) -> None:
        try:
            work(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_many_writers_lose_no_update() -> None:
    strategy = StrategyFactory(time_to_live_seconds=0)

    def add_one(_: int) -> None:
        for _ in range(5):
            with write_transaction():
                row = Strategy.objects.select_for_update().get(pk=strategy.pk)
                row.time_to_live_seconds += 1
                row.save(update_fields=["time_to_live_seconds"])

    in_threads(8, add_one)
    strategy.refresh_from_db()
    assert strategy.time_to_live_seconds == 40


def test_a_failure_inside_leaves_nothing() -> None:
    def fail() -> None:
        with write_transaction():
            StrategyFactory()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Strategy.objects.count() == 0


def test_it_nests() -> None:
    with write_transaction(), write_transaction():
        StrategyFactory()
    assert Strategy.objects.count() == 1


def test_a_writer_that_must_answer_gives_up_in_time() -> None:
    if not is_sqlite():
        return  # PostgreSQL has no single writer to wait for
    holding, done = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        with write_transaction():
            StrategyFactory()
            holding.set()
            done.wait(10)

    thread = threading.Thread(target=lambda: in_threads(1, hold))
    thread.start()
    assert holding.wait(10)
    started = time.monotonic()
    with pytest.raises(Busy), commit_within(0.2):
        StrategyFactory()
    waited = time.monotonic() - started
    done.set()
    thread.join()
    assert 0.15 < waited < 5
    with commit_within(2):
        StrategyFactory()
    assert Strategy.objects.count() == 2
    assert not transaction.get_connection().in_atomic_block
