"""The rig, for every module here."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.databases import fresh_database
from tests.support.rig import Rig, running_rig


@pytest.fixture(scope="module")
def rig_without_worker(django_db_blocker: Any) -> Iterator[Rig]:
    """A rig for a whole module, on a database of its own."""
    with django_db_blocker.unblock(), fresh_database(), running_rig() as rig:
        yield rig


@pytest.fixture(scope="module")
def rig_with_worker(rig_without_worker: Rig) -> Rig:
    rig_without_worker.start()
    return rig_without_worker


@pytest.fixture
def bare_rig(rig_without_worker: Rig) -> Iterator[Rig]:
    """A case of its own on the module's rig; it starts and ends its workers itself."""
    rig_without_worker.begin()
    yield rig_without_worker
    for name in list(rig_without_worker.workers):
        rig_without_worker.kill(name)


@pytest.fixture
def rig(rig_with_worker: Rig) -> Rig:
    """A case of its own on the module's rig, whose worker runs."""
    rig_with_worker.begin()
    return rig_with_worker
