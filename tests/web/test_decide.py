"""The page behind a link in a notice, as a stranger's browser meets it."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from risk.models import RiskSettings
from sigmatrader import clock
from sigmatrader.logs import ConsoleFormatter, JsonFormatter
from tests.factories import StrategyFactory, make_order
from tests.web.conftest import HOSTILE
from trading.domain.order import Status
from trading.models import Notice, NoticeChannel, NoticeLink, Order
from trading.services import halting, queue
from trading.services.notices import links

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.ST = replace(settings.ST, PUBLIC_URL="http://testserver")
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def channel(db) -> NoticeChannel:
    made = NoticeChannel(
        name="phone", scheme="ntfy", links_decide=True, enabled=True, enabled_at=clock.now()
    )
    made.address = "ntfy://topic"
    made.save()
    return made


@pytest.fixture
def order(db) -> Order:
    return make_order(
        strategy=StrategyFactory(name="supertrend"), expires_at=clock.now() + timedelta(hours=1)
    )


def link_to(order: Order, channel: NoticeChannel, choice: str = "execute") -> str:
    """The address that a notice of the order holds."""
    now = clock.now()
    notice, _ = Notice.objects.get_or_create(
        channel=channel,
        key=f"order:{order.pk}",
        defaults={
            "kind": "WAITING",
            "text": "it waits",
            "order": order,
            "order_version": order.version,
            "at": now,
            "not_before": now,
        },
    )
    found = [line.partition(": ")[2] for line in links.lines_for(notice, now)]
    return next(one for one in found if one.endswith(f"/{choice}/"))


def text_of(response) -> str:
    return response.content.decode()


def fresh(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def test_the_page_shows_the_whole_order_without_a_login_and_changes_nothing(client, order, channel):
    url = link_to(order, channel)
    for method in (client.get, client.head):
        answer = method(url)
        assert answer.status_code == 200
    page = text_of(client.get(url))
    for text in ("Execute this order?", "NSE:INFY", "PAPER", "MARKET", "MIS", "supertrend"):
        assert text in page
    assert "Risk says: Passes" in page
    assert "sessionid" not in client.cookies
    assert fresh(order).version == order.version
    assert NoticeLink.objects.get().used_at is None


def test_no_cache_keeps_the_page_and_no_referrer_tells_its_address(client, order, channel):
    answer = client.get(link_to(order, channel))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    gone = client.get(reverse("decide", args=["1.x", "execute"]))
    assert gone.headers["Referrer-Policy"] == "no-referrer"


def test_a_press_executes_once(client, order, channel):
    url = link_to(order, channel)
    answer = client.post(url)
    assert f"Order {order.pk} is queued" in text_of(answer)
    assert fresh(order).status == Status.QUEUED
    again = client.post(url)
    assert again.status_code == 410
    assert "used already, to execute" in text_of(again)


def test_a_press_cancels(client, order, channel):
    url = link_to(order, channel, "cancel")
    assert f"Cancel order {order.pk}" in text_of(client.get(url))
    client.post(url)
    assert fresh(order).status == Status.CANCELLED


def test_a_press_from_another_site_is_refused(order, channel):
    strict = Client(enforce_csrf_checks=True)
    url = link_to(order, channel)
    assert strict.post(url).status_code == 403
    strict.get(url)
    token = strict.cookies["sigmatrader_csrf"].value
    forged = strict.post(
        url, {"csrfmiddlewaretoken": token}, headers={"Origin": "https://evil.example.com"}
    )
    assert forged.status_code == 403
    assert fresh(order).status == Status.WAITING
    ours = strict.post(url, {"csrfmiddlewaretoken": token}, headers={"Origin": "http://testserver"})
    assert ours.status_code == 200
    assert fresh(order).status == Status.QUEUED


def test_an_order_that_was_edited_meanwhile_is_not_shown_nor_decided(client, order, channel):
    url = link_to(order, channel)
    queue.edit(fresh(order), {"qty": 77}, actor="asha")
    for answer in (client.get(url), client.post(url)):
        assert answer.status_code == 410
        assert "was changed after this message was sent" in text_of(answer)
        assert "77" not in text_of(answer)
    assert fresh(order).status == Status.WAITING


def test_while_trading_is_halted_the_page_says_so_and_has_no_button(client, order, channel):
    url = link_to(order, channel)
    halting.set_state("HALTED", "EVERYTHING", "a storm", "asha")
    page = text_of(client.get(url))
    assert "a storm" in page
    assert "can't be executed by a link" in page.replace("&#x27;", "'")
    assert "<button" not in page
    pressed = client.post(url)
    assert pressed.status_code == 409
    assert "a storm" in text_of(pressed)
    assert fresh(order).status == Status.WAITING
    assert "<button" in text_of(client.get(link_to(order, channel, "cancel")))


def test_what_risk_denies_has_no_button(client, order, channel):
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=1, clamp_mode="REJECT")
    page = text_of(client.get(link_to(order, channel)))
    assert "Risk says: Will be denied" in page
    assert "<button" not in page


def test_a_missing_quantity_has_no_button_and_says_why(client, channel):
    order = make_order(qty=0, needs_quantity=True)
    page = text_of(client.get(link_to(order, channel)))
    assert "Its quantity is missing" in page
    assert "<button" not in page


def test_a_link_that_is_over_says_so(client, order, channel):
    url = link_to(order, channel)
    NoticeLink.objects.update(expires_at=clock.now())
    answer = client.post(url)
    assert answer.status_code == 410
    assert "The time of this link is over" in text_of(answer)


def test_when_links_may_not_decide_any_more_the_page_shows_nothing(client, order, channel):
    url = link_to(order, channel)
    NoticeChannel.objects.update(links_decide=False)
    page = text_of(client.get(url))
    assert "may not decide any more" in page
    assert "NSE:INFY" not in page


def test_guesses_are_shut_out_and_a_right_link_from_elsewhere_is_not(client, order, channel):
    forged = reverse("decide", args=["1.AAAA", "execute"])
    answers = [client.get(forged).status_code for _ in range(22)]
    assert answers == [404] * 20 + [429] * 2
    assert client.get(link_to(order, channel)).status_code == 429
    other = Client(REMOTE_ADDR="203.0.113.7")
    assert other.get(link_to(order, channel)).status_code == 200


def test_a_log_that_names_the_page_holds_no_link(order, channel):
    url = link_to(order, channel)
    token = url.split("/")[4]
    record = logging.makeLogRecord({"msg": "Forbidden: %s", "args": (url,), "status_code": 403})
    for formatter in (ConsoleFormatter(), JsonFormatter()):
        line = formatter.format(record)
        assert token not in line
        assert "/decide/***/execute/" in line


def test_there_are_two_choices_and_no_third(client, order, channel):
    url = link_to(order, channel).replace("/execute/", "/retry/")
    assert client.get(url).status_code == 404


def test_hostile_text_is_shown_and_never_run(client, channel):
    order = make_order(symbol=HOSTILE, tradingsymbol=HOSTILE, warnings=[HOSTILE])
    page = text_of(client.get(link_to(order, channel)))
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
