"""Alerts: the list with its filters, one alert's page, and its replay as a test."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from tests.web.conftest import HX, make_alert
from tests.webhook.conftest import SECRET
from tests.webhook.conftest import alert as message
from trading import selectors
from trading.models import Alert, Order, OrderEvent
from trading.services import webhook_secrets

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def text_of(response) -> str:
    return response.content.decode()


def shown(response) -> list[int]:
    return [alert.pk for alert in response.context["page"].rows]


@pytest.fixture
def three(desk):
    desk.strategy = StrategyFactory(name="supertrend")
    yesterday = clock.now() - timedelta(days=1)
    desk.old = make_alert(received_at=yesterday, strategy=desk.strategy).pk
    desk.refused = make_alert(
        outcome="REJECTED", code="invalid_payload", errors={"symbol": ["is missing. Put it in."]}
    ).pk
    desk.ignored = make_alert(outcome="IGNORED", code="unsupported_platform", symbol="NSE:TCS").pk
    return desk


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["ignored", "refused", "old"]),
        ({"outcome": "REJECTED"}, ["refused"]),
        ({"q": "tcs"}, ["ignored"]),
        ({"q": "invalid_pay"}, ["refused"]),
        ({"outcome": "REJECTED", "q": "tcs"}, []),
    ],
)
def test_the_address_filters_the_alerts(three, query, names):
    response = three.client.get(reverse("alerts"), query)
    assert shown(response) == [getattr(three, name) for name in names]


def test_alerts_are_filtered_by_strategy_and_by_indian_days(three):
    response = three.client.get(reverse("alerts"), {"strategy": three.strategy.pk})
    assert shown(response) == [three.old]
    today = f"{selectors.day_start(clock.now()):%Y-%m-%d}"
    response = three.client.get(reverse("alerts"), {"from_day": today})
    assert shown(response) == [three.ignored, three.refused]


def test_the_chips_lead_to_what_they_say_and_count_what_was_refused(three):
    chips = three.client.get(reverse("alerts")).context["chips"]
    found = {
        chip.label: shown(three.client.get(f"{reverse('alerts')}?{chip.query}")) for chip in chips
    }
    assert found["Refused today"] == found["Refused"] == [three.refused]
    assert found["Ignored"] == [three.ignored]
    assert next(chip.count for chip in chips if chip.label == "Refused today") == 1


def test_a_refused_alert_says_why_and_the_fix_and_an_ignored_one_why(three):
    page = text_of(three.client.get(reverse("alerts")))
    assert '<b class="mono">symbol</b> is missing. Put it in.' in page
    assert "names another platform" in page


def test_new_alerts_wait_behind_a_button(desk):
    first = make_alert()
    page = text_of(desk.client.get(reverse("alerts")))
    found = re.search(r'id="alerts-live" data-v="([^"]*)" hx-get="([^"]*)"', page)
    token, address = found.group(1), found.group(2).replace("&amp;", "&")
    assert desk.client.get(f"{address}&v={token}", headers=HX).status_code == 204
    make_alert()
    renewed = desk.client.get(f"{address}&v={token}", headers=HX)
    assert shown(renewed) == [first.pk]
    assert "1 new" in text_of(renewed)


def test_a_page_of_alerts_costs_the_same_however_many_there_are(
    desk, django_assert_max_num_queries
):
    for _ in range(30):
        make_order(alert=make_alert())
    with django_assert_max_num_queries(28):
        desk.client.get(reverse("alerts"))


def test_an_alert_has_a_page_with_its_message_what_was_read_and_its_order(desk):
    alert = make_alert(
        raw_body='{"symbol": "NSE:INFY"}', reason="breakout", source_address="52.89.214.238"
    )
    order = make_order(alert=alert)
    page = text_of(desk.client.get(reverse("alert", args=[alert.pk])))
    assert reverse("order", args=[order.pk]) in page
    for text in ("{&quot;symbol&quot;: &quot;NSE:INFY&quot;}", "breakout", "52.89.214.238"):
        assert text in page


def test_a_hostile_alert_is_shown_and_harmless(full_desk):
    for alert in Alert.objects.all():
        page = text_of(full_desk.client.get(reverse("alert", args=[alert.pk])))
        assert "<script>alert" not in page


@pytest.mark.parametrize("number", [999_999, 10**30])
def test_an_alert_that_is_not_there_gives_404(desk, number):
    assert desk.client.get(f"/alerts/{number}/").status_code == 404


def test_a_replay_is_judged_as_if_the_alert_came_for_the_first_time(desk):
    webhook_secrets.create(SECRET)
    body = message(trade_details={"order_action": "BUY", "quantity": 7, "order_id": "one"})
    answer = desk.client.post("/webhook/tradingview", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    alert = Alert.objects.get()
    events, key = OrderEvent.objects.count(), alert.dedupe_key
    response = desk.client.post(reverse("alert_test"), {"replay": alert.pk})
    assert response.status_code == 200
    rehearsal = response.context["rehearsal"]
    assert rehearsal.outcome == "accepted"
    assert rehearsal.order.qty == 7
    assert "as if it came now for the first time" in text_of(response)
    assert Order.objects.count() == Alert.objects.count() == 1
    assert OrderEvent.objects.count() == events
    alert.refresh_from_db()
    assert alert.dedupe_key == key


def test_a_replay_of_a_refused_alert_names_the_field_and_the_fix_again(desk):
    alert = make_alert(outcome="REJECTED", raw_body='{"secret": "***", "strategy_name": "x"}')
    response = desk.client.post(reverse("alert_test"), {"replay": alert.pk})
    assert response.context["rehearsal"].outcome == "rejected"
    assert "symbol" in response.context["rehearsal"].errors


@pytest.mark.parametrize("replay", ["999999", "abc", "9" * 30])
def test_a_replay_of_nothing_asks_for_a_message(desk, replay):
    response = desk.client.post(reverse("alert_test"), {"replay": replay})
    assert response.status_code == 422
    assert "Paste a message first." in text_of(response)


def test_every_way_into_the_handbook_leads_to_a_place_that_is_there(three):
    make_alert(repaired=True)
    pages = [reverse("alerts"), reverse("dashboard")]
    pages += [reverse("alert", args=[alert.pk]) for alert in Alert.objects.all()]
    links = {
        link
        for page in pages
        for link in re.findall(r'href="(/help/[^"]+)"', text_of(three.client.get(page)))
    }
    assert any("#static-ip" in link for link in links)
    assert any("#repairs" in link for link in links)
    for link in links:
        address, _, anchor = link.partition("#")
        page = three.client.get(address)
        assert page.status_code == 200
        assert not anchor or f'id="{anchor}"' in text_of(page), link
