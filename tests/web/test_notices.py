"""The notifications page: channels are set, tried and removed; their addresses never come back."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.urls import reverse

from sigmatrader import clock, crypto
from sigmatrader.stored_secrets import rotate_all
from tests.factories import make_order
from tests.support.inbox import SECRET, Inbox, open_inbox
from tests.web.conftest import HOSTILE
from trading.domain.notices import NoticeKind
from trading.models import Notice, NoticeChannel
from trading.services.notices import courier, events, outbox

pytestmark = pytest.mark.django_db

ADDRESS = "ntfys://hunter22@ntfy.example.com/a-secret-topic"


@pytest.fixture
def inbox():
    with open_inbox() as opened:
        yield opened


def values(**changes: object) -> dict[str, object]:
    """The form of a channel as it is filled in."""
    filled = {
        "name": "phone",
        "address": ADDRESS,
        "enabled": "on",
        "kinds": [kind.value for kind in NoticeKind],
        "group_seconds": "30",
        "quiet_from": "22:30",
        "quiet_until": "07:30",
        "urgent_breaks_through": "on",
        "link_minutes": "15",
    } | changes
    return {name: value for name, value in filled.items() if value is not None}


def add(desk, **changes) -> NoticeChannel:
    answer = desk.client.post(reverse("notice_add"), values(**changes))
    assert answer.status_code == 302, answer.context["form"].errors
    return NoticeChannel.objects.latest("pk")


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def text_of(response) -> str:
    return response.content.decode()


def test_without_a_channel_the_page_says_what_to_do(desk):
    page = text_of(desk.client.get(reverse("notices")))
    assert "Nobody is told of anything yet" in page
    assert reverse("notices") in text_of(desk.client.get(reverse("settings")))


def test_a_channel_is_added_with_everything_that_was_typed(desk):
    channel = add(desk)
    assert (channel.name, channel.scheme, channel.enabled) == ("phone", "ntfys", True)
    assert (str(channel.quiet_from), str(channel.quiet_until)) == ("22:30:00", "07:30:00")
    assert channel.kinds == [kind.value for kind in NoticeKind]
    assert not channel.links_decide
    page = text_of(desk.client.get(reverse("notices")))
    assert "22:30–07:30 IST; urgent things break through" in page


def test_the_address_is_stored_encrypted_and_shown_nowhere(desk):
    channel = add(desk)
    assert "secret-topic" not in channel.address_encrypted
    assert channel.address == ADDRESS
    places = (
        reverse("notices"),
        reverse("notice_channel", args=[channel.pk]),
        reverse("admin:trading_noticechannel_changelist"),
        reverse("admin:trading_noticechannel_change", args=[channel.pk]),
    )
    for place in places:
        page = text_of(desk.client.get(place))
        assert "phone" in page
        for secret in ("hunter22", "ntfy.example.com", "secret-topic", channel.address_encrypted):
            assert secret not in page


def test_an_empty_address_keeps_the_one_that_is_stored(desk):
    channel = add(desk)
    url = reverse("notice_channel", args=[channel.pk])
    desk.client.post(url, values(name="tablet", address="", quiet_from="", quiet_until=""))
    changed = NoticeChannel.objects.get()
    assert (changed.name, changed.address, changed.quiet_from) == ("tablet", ADDRESS, None)


def test_another_address_replaces_it_and_is_tried_at_once(desk):
    channel = add(desk)
    NoticeChannel.objects.update(failures=4, retry_at=clock.now())
    url = reverse("notice_channel", args=[channel.pk])
    desk.client.post(url, values(address="gotifys://gotify.example.com/token"))
    changed = NoticeChannel.objects.get()
    assert (changed.scheme, changed.failures, changed.retry_at) == ("gotifys", 0, None)


@pytest.mark.parametrize(
    ("field", "changes", "text"),
    [
        ("name", {"name": ""}, "required"),
        ("name", {"name": "taken"}, "Another channel has this name."),
        ("address", {"address": ""}, "Enter the address that notices go to."),
        ("address", {"address": "file:///etc/passwd"}, "can't go to “file”"),
        ("address", {"address": "hello"}, "begins with the service"),
        ("kinds", {"kinds": []}, "Choose at least one thing"),
        ("kinds", {"kinds": ["WEATHER"]}, "WEATHER"),
        ("group_seconds", {"group_seconds": "3601"}, "3600"),
        ("quiet_from", {"quiet_from": "half past ten"}, "such as 22:30"),
        ("quiet_until", {"quiet_until": ""}, "Enter both hours, or neither."),
        ("quiet_until", {"quiet_until": "22:30"}, "Enter another hour than the first."),
        ("link_minutes", {"link_minutes": "0"}, "1"),
        ("links_decide", {"links_decide": "on"}, "Set ST_PUBLIC_URL first"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(desk, field, changes, text):
    add(desk, name="taken")
    answer = desk.client.post(reverse("notice_add"), values(**changes))
    assert answer.status_code == 422
    assert text in " ".join(answer.context["form"].errors[field])
    assert NoticeChannel.objects.count() == 1


def test_links_may_decide_where_there_is_a_public_address(desk, settings):
    settings.ST = replace(settings.ST, PUBLIC_URL="http://testserver")
    assert add(desk, links_decide="on").links_decide


def test_a_test_arrives_and_the_page_says_so(desk, inbox: Inbox):
    channel = add(desk, address=inbox.address, enabled=None)
    answer = desk.client.post(reverse("notice_test", args=[channel.pk]))
    assert said(answer).endswith("phone took the test: look there.")
    assert inbox.titles == ["SigmaTrader: test"]


def test_a_test_that_fails_says_why_without_the_address(desk, inbox: Inbox):
    inbox.status = 404
    channel = add(desk, address=inbox.address)
    answer = desk.client.post(reverse("notice_test", args=[channel.pk]), follow=True)
    page = text_of(answer)
    assert "The test to phone did not arrive." in page
    assert "error=404" in page
    assert SECRET not in page
    assert "FAILING" not in page  # a test is no failure of the channel's own work


def test_the_dashboard_says_when_a_channel_fails(desk):
    add(desk)
    assert "do not arrive" not in text_of(desk.client.get(reverse("dashboard")))
    NoticeChannel.objects.update(failures=2, last_error="The service was away.")
    page = text_of(desk.client.get(reverse("dashboard")))
    assert "Notices to phone do not arrive" in page
    assert "The service was away." in page


def test_what_was_given_up_is_shown_and_can_be_tried_again(desk, inbox: Inbox):
    channel = add(desk, address=inbox.address, group_seconds="0", quiet_from="", quiet_until="")
    make_order()
    events.collect(outbox.listening(), clock.now())
    Notice.objects.update(dead=True, attempts=8, error="The service was away.")
    page = text_of(desk.client.get(reverse("notices")))
    assert "The service was away." in page
    assert "Try 1 again" in page
    answer = desk.client.post(reverse("notice_again", args=[channel.pk]))
    assert said(answer).endswith("1 notice of phone will be tried again.")
    assert courier.deliver(channel.pk)
    assert inbox.titles == ["An order waits"]


def test_a_channel_is_removed_with_its_notices(desk):
    channel = add(desk)
    make_order()
    events.collect(outbox.listening(), clock.now())
    assert Notice.objects.exists()
    desk.client.post(reverse("notice_remove", args=[channel.pk]))
    assert not NoticeChannel.objects.exists()
    assert not Notice.objects.exists()


def test_hostile_text_in_a_notice_is_shown_and_never_run(desk):
    add(desk)
    make_order(symbol=HOSTILE, tradingsymbol=HOSTILE)
    events.collect(outbox.listening(), clock.now())
    page = text_of(desk.client.get(reverse("notices")))
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_who_may_not_change_channels_may_look_at_them(desk, client, django_user_model):
    channel = add(desk)
    viewer = django_user_model.objects.create_user("ravi", password="a-long-password")
    client.force_login(viewer)
    page = text_of(client.get(reverse("notices")))
    assert "phone" in page
    assert "Send a test" not in page
    assert client.get(reverse("notice_add")).status_code == 403
    for name in ("notice_channel", "notice_test", "notice_again", "notice_remove"):
        url = reverse(name, args=[channel.pk])
        assert client.post(url, values()).status_code == 403
    assert NoticeChannel.objects.filter(name="phone").exists()
    viewer.user_permissions.add(Permission.objects.get(codename="change_noticechannel"))
    assert client.get(reverse("notice_add")).status_code == 200


def test_a_channel_that_is_not_there_is_a_404(desk):
    for name in ("notice_channel", "notice_test", "notice_again", "notice_remove"):
        assert desk.client.post(reverse(name, args=[10**30]), values()).status_code == 404


def test_rotating_the_keys_takes_the_addresses_along(desk):
    channel = add(desk)
    before = channel.address_encrypted
    assert rotate_all()["addresses of notice channels"] == 1
    changed = NoticeChannel.objects.get()
    assert changed.address_encrypted != before
    assert crypto.decrypt(changed.address_encrypted) == ADDRESS
