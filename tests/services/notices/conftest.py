"""A channel to a server on this machine, at noon of a trading day."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from sigmatrader import clock
from tests.support.inbox import Inbox, open_inbox
from trading.models import NoticeChannel
from trading.services.notices import channels, courier, events, outbox

NOON = datetime(2026, 12, 2, 12, 0, tzinfo=clock.IST)


class Time:
    now = NOON

    @classmethod
    def passes(cls, **span: float) -> None:
        cls.now += timedelta(**span)


@pytest.fixture(autouse=True)
def time() -> Iterator[type[Time]]:
    Time.now = NOON
    clock.use(lambda: Time.now)
    yield Time
    clock.use(None)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as opened:
        yield opened


MakeChannel = Callable[..., NoticeChannel]


@pytest.fixture
def make_channel(inbox: Inbox, db: None) -> MakeChannel:
    """A channel that is on, to the inbox, without a window; `fields` say otherwise."""

    def make(name: str = "phone", **fields: Any) -> NoticeChannel:
        address = fields.pop("address", inbox.address)
        values = {"enabled": True, "group_seconds": 0} | fields
        return channels.save(NoticeChannel(name=name, **values), actor="asha", address=address)

    return make


@pytest.fixture
def tell() -> Callable[[], int]:
    """Read the news and send what is due, as the worker does; how many messages went."""

    def tell() -> int:
        events.collect(outbox.listening(), clock.now())
        return sum(courier.deliver(pk) for pk in courier.due_channels(clock.now()))

    return tell
