from collections.abc import Iterator

import pytest

from tests.support.desk import Desk, open_desk
from tests.support.faulty import road

__all__ = ["road"]


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    """An account at the Kite simulator, in the middle of a session."""
    with open_desk() as opened:
        yield opened
