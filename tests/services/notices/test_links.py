"""A link decides one waiting order, as it was, once, in time, and only where it may."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import make_order
from tests.support.at_once import at_once
from trading.domain.order import Status
from trading.models import Notice, NoticeChannel, NoticeLink, Order
from trading.services import halting, queue
from trading.services.errors import Conflict, NotExecutable
from trading.services.notices import channels, links
from trading.services.notices.links import BadLink, Choice

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

PUBLIC = "https://trader.example.com"


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.ST = replace(settings.ST, PUBLIC_URL=PUBLIC)


@pytest.fixture
def order():
    return make_order(expires_at=clock.now() + timedelta(hours=3))


@pytest.fixture
def link(make_channel, inbox, tell):
    """The token of a link that has arrived, for the order it is about."""
    make_channel(links_decide=True)

    def arrived() -> str:
        tell()
        return tokens(inbox)[-1]

    return arrived


def tokens(inbox) -> list[str]:
    found = []
    for line in inbox.text.splitlines():
        name, _, address = line.partition(": ")
        if name == "Execute":
            path = urlsplit(address).path
            assert address.startswith(f"{PUBLIC}/decide/")
            assert path.endswith("/execute/")
            found.append(path.split("/")[2])
    return found


def fresh(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def test_a_link_executes_its_order_once_in_the_name_of_its_channel(link, order):
    token = link()
    links.decide(links.open_link(token), Choice.EXECUTE)
    assert fresh(order).status == Status.QUEUED
    assert order.events.last().actor == "link of phone"
    with pytest.raises(BadLink, match="used already, to execute"):
        links.open_link(token)


def test_a_link_cancels_its_order(link, order):
    links.decide(links.open_link(link()), Choice.CANCEL)
    assert fresh(order).status == Status.CANCELLED


def test_looking_changes_nothing(link, order):
    token = link()
    for _ in range(3):
        links.open_link(token)
    assert fresh(order).version == order.version
    assert NoticeLink.objects.get().used_at is None


def test_a_link_ends_after_its_minutes(link, order, time):
    token = link()
    time.passes(minutes=14, seconds=59)
    links.open_link(token)
    time.passes(seconds=1)
    with pytest.raises(BadLink, match="time of this link is over"):
        links.open_link(token)


def test_a_link_ends_with_its_order(link, order):
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() + timedelta(minutes=2))
    link()
    assert NoticeLink.objects.get().expires_at == clock.now() + timedelta(minutes=2)


def test_an_order_that_was_edited_meanwhile_is_not_decided(link, order):
    token = link()
    opened = links.open_link(token)
    queue.edit(fresh(order), {"qty": 500}, actor="asha")
    with pytest.raises(BadLink, match="was changed after this message"):
        links.open_link(token)
    with pytest.raises(BadLink, match="was changed"):
        links.decide(opened, Choice.EXECUTE)
    assert fresh(order).status == Status.WAITING
    assert NoticeLink.objects.get().used_at is None


def test_an_order_that_was_decided_meanwhile_is_left_alone(link, order):
    token = link()
    queue.cancel_waiting(fresh(order), actor="asha")
    with pytest.raises(BadLink, match="does not wait any more: it is CANCELLED"):
        links.open_link(token)


@pytest.mark.parametrize("change", [{"links_decide": False}, {"enabled": False}])
def test_what_is_switched_off_decides_nothing_any_more(link, order, change):
    token = link()
    channel = NoticeChannel.objects.get()
    for name, value in change.items():
        setattr(channel, name, value)
    channels.save(channel, actor="asha")
    with pytest.raises(BadLink, match="made void"):
        links.open_link(token)


@pytest.mark.parametrize("change", [{"links_decide": False}, {"enabled": False}])
def test_what_was_sent_before_it_was_switched_off_stays_void_when_it_is_on_again(
    link, order, change
):
    token = link()
    channel = NoticeChannel.objects.get()
    for values in (change, dict.fromkeys(change, True)):
        for name, value in values.items():
            setattr(channel, name, value)
        channels.save(channel, actor="asha")
    with pytest.raises(BadLink, match="made void"):
        links.open_link(token)


def test_links_that_went_to_the_old_address_are_void_and_the_new_one_gets_others(
    link, order, inbox, tell
):
    token = link()
    channel = NoticeChannel.objects.get()
    channels.save(channel, actor="asha", address=f"{inbox.address}/new")
    with pytest.raises(BadLink, match="made void"):
        links.open_link(token)
    Notice.objects.update(sent_at=None)
    assert tell() == 1
    renewed = tokens(inbox)[-1]
    assert renewed != token
    assert links.open_link(renewed).order == order


def test_the_legs_of_a_trigger_have_no_link(make_channel, inbox, tell):
    make_channel(links_decide=True)
    until = clock.now() + timedelta(hours=1)
    make_order(oco_with=make_order(expires_at=until), expires_at=until)
    assert tell() == 1
    assert inbox.titles == ["An order waits"]
    assert tokens(inbox) == []


def test_a_channel_that_is_removed_takes_its_links_along(link, order):
    token = link()
    channels.delete(NoticeChannel.objects.get(), actor="asha")
    with pytest.raises(BadLink, match="too old"):
        links.open_link(token)


def test_a_halt_keeps_the_order_waiting_and_the_link_good(link, order):
    token = link()
    halting.set_state("HALTED", "EVERYTHING", "a storm", "asha")
    with pytest.raises(NotExecutable, match="Trading is halted for everything"):
        links.decide(links.open_link(token), Choice.EXECUTE)
    assert fresh(order).status == Status.WAITING
    halting.set_state("ACTIVE", "EVERYTHING", "it is over", "asha")
    links.decide(links.open_link(token), Choice.EXECUTE)
    assert fresh(order).status == Status.QUEUED


@pytest.mark.parametrize("state", ["REDUCING", None])
def test_what_risk_denies_is_not_executed_by_a_link_and_goes_on_waiting(link, order, state):
    token = link()
    if state:
        halting.set_state(state, "EVERYTHING", "careful", "asha")
    else:
        RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=1, clamp_mode="REJECT")
    with pytest.raises(NotExecutable, match="Risk denies"):
        links.decide(links.open_link(token), Choice.EXECUTE)
    assert fresh(order).status == Status.WAITING


def test_a_missing_quantity_is_not_executed(link):
    order = make_order(qty=0, needs_quantity=True)
    with pytest.raises(NotExecutable):
        links.decide(links.open_link(link()), Choice.EXECUTE)
    assert fresh(order).status == Status.WAITING


def test_without_leave_or_public_address_there_is_no_link(
    make_channel, inbox, tell, order, settings
):
    make_channel("no leave")
    tell()
    settings.ST = replace(settings.ST, PUBLIC_URL="")
    make_channel("no address", links_decide=True)
    make_order()
    tell()
    assert "decide" not in inbox.text
    assert not NoticeLink.objects.exists()


def test_a_message_that_is_sent_again_holds_the_same_links(link, inbox, tell, order, time):
    inbox.status = 500
    tell()
    time.passes(minutes=10)
    inbox.status = 200
    tell()
    assert len(tokens(inbox)) == 1
    assert NoticeLink.objects.get().expires_at == time.now + timedelta(minutes=15)


def test_only_some_orders_of_a_long_message_have_links(make_channel, inbox, tell):
    make_channel(links_decide=True)
    for _ in range(9):
        make_order()
    tell()
    assert inbox.titles == ["9 orders wait"]
    assert 0 < len(tokens(inbox)) <= 5


def test_an_order_decided_before_the_message_goes_has_no_link(make_channel, inbox, tell, time):
    make_channel(links_decide=True, group_seconds=60)
    order = make_order()
    tell()
    queue.cancel_waiting(order, actor="asha")
    time.passes(minutes=1)
    tell()
    assert tokens(inbox) == []
    assert Notice.objects.get().sent_at is not None


@hypothesis_settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.text(max_size=80))
def test_nothing_but_our_own_signature_opens_anything(db, token):
    with pytest.raises(BadLink) as caught:
        links.open_link(token)
    assert caught.value.forged


def test_a_link_of_one_order_is_none_for_another(link, order):
    token = link()
    number, _, signature = token.partition(".")
    with pytest.raises(BadLink) as caught:
        links.open_link(f"{int(number) + 1}.{signature}")
    assert caught.value.forged


@pytest.mark.django_db(transaction=True)
def test_of_two_presses_at_once_one_decides(link, order):
    token = link()
    opened = [links.open_link(token), links.open_link(token)]
    choices = list(zip(opened, (Choice.EXECUTE, Choice.CANCEL), strict=True))

    def press(one: tuple[NoticeLink, Choice]) -> bool:
        try:
            links.decide(*one)
        except (BadLink, Conflict):
            return False
        return True

    assert sorted(at_once(*[partial(press, one) for one in choices])) == [False, True]
    assert fresh(order).status in (Status.QUEUED, Status.CANCELLED)
    assert fresh(order).version == order.version + 1
