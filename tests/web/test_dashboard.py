"""The dashboard: what needs a person first, how fast it goes, and a new system's first steps."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from brokers.models import AccountPosition, AccountState, BrokerConnection
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory, make_order
from tests.web.conftest import HX, make_alert, order_in
from trading import selectors
from trading.domain.order import Status
from trading.models import Alert, Order, WorkerHeartbeat
from trading.web.attention import attention
from trading.web.context import current_desk
from trading.web.first_steps import checklist
from trading.web.latency import stages

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


def text_of(response) -> str:
    return response.content.decode()


# -- first steps -------------------------------------------------------------------------------


def test_a_new_system_says_what_to_do_first(desk):
    page = text_of(desk.client.get(reverse("dashboard")))
    assert "0 of 8 done" in page
    for step in ("Copy the webhook secret", "Send the first alert", "Set limits"):
        assert step in page


@pytest.mark.parametrize(
    ("kind", "words", "not_said"),
    [
        ("PAPER", "on paper", ("simulator", "real money")),
        ("SIMULATOR", "through mine, at the simulator", ("on paper", "real money")),
        ("LIVE", "through mine, with real money", ("on paper", "simulator")),
    ],
)
def test_the_first_steps_say_where_the_first_order_goes(desk, kind, words, not_said):
    if kind != "PAPER":
        account = BrokerConnection.objects.create(name="mine", broker_name="zerodha", kind=kind)
        account.make_default()
    titles = ("Send the first alert", "Execute the first order")
    steps = [step for step in checklist() if step.title in titles]
    assert len(steps) == len(titles)
    for step in steps:
        assert words in step.text
        assert not any(word in step.text + step.title for word in not_said)


def test_the_first_order_is_one_of_ours(desk):
    def done() -> bool:
        return next(step.done for step in checklist() if step.title == "Execute the first order")

    order_in(Status.EXECUTED, origin="EXTERNAL")
    assert not done()
    order_in(Status.EXECUTED)
    assert done()


def done() -> list[str]:
    return [step.title for step in checklist() if step.done]


def test_each_step_is_done_by_what_it_asks_for(desk):
    assert done() == []
    make_alert(outcome=Alert.Outcome.REJECTED)
    assert done() == ["Copy the webhook secret"]
    make_alert()
    order_in(Status.EXECUTED)
    StrategyFactory()
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)
    on_paper = {
        "Copy the webhook secret",
        "Send the first alert",
        "Execute the first order",
        "Add your strategy",
        "Set limits",
    }
    assert set(done()) == on_paper
    live = BrokerConnectionFactory(logged_in_at=clock.now())
    assert set(done()) == on_paper | {"Connect your broker"}
    order_in(Status.SENT, connection=live)
    assert set(done()) == on_paper | {"Connect your broker", "Register your static IP at Zerodha"}
    order_in(Status.EXECUTED, connection=live)
    assert all(step.done for step in checklist())
    assert "First steps" not in text_of(desk.client.get(reverse("dashboard")))


def test_the_first_steps_can_be_hidden_once_an_order_is_filled_and_brought_back(desk):
    page = text_of(desk.client.get(reverse("dashboard")))
    assert "First steps" in page
    assert 'id="hide-steps"' not in page
    order_in(Status.EXECUTED)
    assert 'id="hide-steps"' in text_of(desk.client.get(reverse("dashboard")))
    assert desk.client.get(reverse("first_steps")).status_code == 405
    desk.client.post(reverse("first_steps"))
    page = text_of(desk.client.get(reverse("dashboard")))
    assert "Copy the webhook secret" not in page
    assert 'id="show-steps"' in page
    desk.client.post(reverse("first_steps"), {"show": "1"})
    assert "Copy the webhook secret" in text_of(desk.client.get(reverse("dashboard")))


# -- attention ---------------------------------------------------------------------------------


def test_the_dashboard_says_what_needs_a_person_first(full_desk):
    page = text_of(full_desk.client.get(reverse("dashboard")))
    attention = page[page.index("Needs attention") : page.index("Latest events")]
    assert attention.index("UNKNOWN") < attention.index("FAILED")
    for word in ("REJECTED RISK", "Not enough money.", "1 alert"):
        assert word in attention


def test_the_dashboard_polls_with_a_token_and_204_when_nothing_changed(desk):
    page = text_of(desk.client.get(reverse("dashboard")))
    token = re.search(r'id="live" data-v="([^"]+)"', page).group(1)
    still = desk.client.get(reverse("dashboard"), {"v": token}, headers=HX)
    assert still.status_code == 204
    order_in(Status.WAITING)
    changed = desk.client.get(reverse("dashboard"), {"v": token}, headers=HX)
    assert changed.status_code == 200
    assert text_of(changed).lstrip().startswith('<div id="live"')


def test_the_dashboard_names_the_contract_beside_the_alerts_symbol(desk):
    order_in(Status.EXECUTED, symbol="NSE:NIFTY1!", exchange="NFO", tradingsymbol="NIFTY26DECFUT")
    order_in(
        Status.FAILED, symbol="NSE:BANKNIFTY1!", exchange="NFO", tradingsymbol="BANKNIFTY26DECFUT"
    )
    page = text_of(desk.client.get(reverse("dashboard")))
    attention, events = page[page.index("Needs attention") :].split("Latest events")
    assert 'NSE:BANKNIFTY1!</a> <span class="quiet">NFO:BANKNIFTY26DECFUT</span>' in attention
    assert '10 NSE:NIFTY1!</span> <span class="quiet">NFO:NIFTY26DECFUT</span>' in events


def words(today=None) -> list[str]:
    today = today or selectors.day_start(clock.now())
    return [item.word for item in attention(current_desk(), today)]


def beat(seconds_ago: float) -> None:
    at = clock.now() - timedelta(seconds=seconds_ago)
    WorkerHeartbeat.objects.create(
        worker_id=f"desk:{seconds_ago}", host="desk", pid=1, started_at=at, beat_at=at
    )


def test_a_worker_that_is_silent_needs_a_person_and_one_that_runs_does_not(desk):
    beat(60)
    assert "WORKER" in words()
    page = text_of(desk.client.get(reverse("dashboard")))
    assert "The worker is silent" in page
    beat(1)
    assert "WORKER" not in words()


def test_the_dashboard_is_renewed_when_the_worker_falls_silent(desk):
    WorkerHeartbeat.objects.all().delete()
    beat(1)
    page = text_of(desk.client.get(reverse("dashboard")))
    token = re.search(r'id="live" data-v="([^"]+)"', page).group(1)
    WorkerHeartbeat.objects.update(beat_at=clock.now() - timedelta(minutes=5))
    assert desk.client.get(reverse("dashboard"), {"v": token}, headers=HX).status_code == 200


def test_an_account_that_must_log_in_before_the_open_is_named_with_the_login(desk):
    monday = clock.now().replace(2026, 11, 23, hour=3, minute=0)  # 08:30 in India
    clock.use(lambda: monday)
    try:
        account = BrokerConnectionFactory(
            name="kite", is_default=False, token_expires_at=monday - timedelta(hours=2)
        )
        account.make_default()
        found = [one for one in attention(current_desk(), monday) if one.word == "LOGIN"]
    finally:
        clock.use(None)
    assert [one.title for one in found] == ["Log in again: kite"]
    assert found[0].url == f"{reverse('zerodha_login')}?connection={account.pk}"
    assert "opens at 09:00." in found[0].text


def test_positions_that_differ_from_the_brokers_are_named(desk):
    account = BrokerConnectionFactory(name="kite")
    now = clock.now()
    AccountState.objects.create(connection=account, positions_read_at=now, holdings_read_at=now)
    assert "DRIFT" not in words()
    AccountPosition.objects.create(
        connection=account,
        exchange="NSE",
        tradingsymbol="INFY",
        product="MIS",
        quantity=10,
        average_price=1500,
        read_at=now,
    )
    found = [
        one for one in attention(current_desk(), selectors.day_start(now)) if one.word == "DRIFT"
    ]
    assert len(found) == 1
    assert "kite: 1 of our positions differs" in found[0].title
    assert "INFY" in found[0].text


# -- how fast ----------------------------------------------------------------------------------


def test_the_way_of_an_alert_is_timed_step_by_step(desk):
    now = clock.now()
    clock.use(lambda: now)
    try:
        for number in range(1, 21):
            alert = make_alert(received_at=now - timedelta(milliseconds=number))
            order = make_order(alert=alert, mode="AUTO", status=Status.QUEUED)
            sent_at = now + timedelta(milliseconds=10 * number)
            Order.objects.filter(pk=order.pk).update(queued_at=now, sent_at=sent_at)
    finally:
        clock.use(None)
    found = {stage.name: stage for stage in stages(now - timedelta(seconds=1))}
    assert found["Alert to answer"].median == timedelta(milliseconds=10)
    assert found["Press to broker"].median == timedelta(milliseconds=100)
    assert found["Press to broker"].p95 == timedelta(milliseconds=190)
    assert found["Alert to broker, AUTO"].p95 == timedelta(milliseconds=209)
    assert found["Press to broker"].count == 20


def test_a_day_without_orders_has_no_times(desk):
    make_order(created_at=clock.now() - timedelta(days=2))
    assert stages(selectors.day_start(clock.now())) == []
    assert "no alert and no order today" in text_of(desk.client.get(reverse("dashboard")))
