"""Every page, on a new system and on a full one."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from tests.web.conftest import HOSTILE, HX, order_in
from trading.domain.order import Status
from trading.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

PAGES = ("dashboard", "queue", "orders", "alerts", "positions", "analytics", "risk", "settings")
UNESCAPED = re.compile(r"<script>alert|<b>5</b>")


def text_of(response) -> str:
    return response.content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_a_new_system_shows_every_page(desk, name):
    response = desk.client.get(reverse(name))
    assert response.status_code == 200
    assert "<h1" in text_of(response)


@pytest.mark.parametrize("name", PAGES)
def test_a_full_system_shows_every_page_and_escapes_what_came_from_outside(full_desk, name):
    response = full_desk.client.get(reverse(name))
    page = text_of(response)
    assert response.status_code == 200
    assert not UNESCAPED.search(page)
    if name != "risk":
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page


@pytest.mark.parametrize("status", Status)
def test_an_order_in_any_status_has_a_page_and_a_row(full_desk, status):
    order = full_desk.orders[status]
    page = full_desk.client.get(reverse("order", args=[order.pk]))
    assert page.status_code == 200
    assert status.replace("_", " ") in text_of(page)
    assert not UNESCAPED.search(text_of(page))
    row = full_desk.client.get(reverse("order_row", args=[order.pk]), headers=HX)
    assert row.status_code == 200
    assert f'id="order-{order.pk}"' in text_of(row)
    assert "<html" not in text_of(row)
    assert not UNESCAPED.search(text_of(row))


@pytest.mark.parametrize("name", [*PAGES, "desk", "queue_rows"])
def test_nobody_sees_a_page_without_logging_in(client, name):
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response.url.startswith(reverse("login"))


@pytest.mark.parametrize(
    "name",
    [
        "order_execute",
        "order_cancel",
        "order_restore",
        "order_retry",
        "order_resolve",
        "order_modify",
    ],
)
def test_actions_take_a_post_alone(desk, name):
    order = order_in(Status.WAITING)
    assert desk.client.get(reverse(name, args=[order.pk])).status_code == 405
    assert Order.objects.get(pk=order.pk).version == order.version


@pytest.mark.parametrize("name", ["order", "order_live", "order_row", "order_edit"])
@pytest.mark.parametrize("number", [999_999, 2**63, 10**30])
def test_an_order_that_is_not_there_gives_404(desk, name, number):
    response = desk.client.get(f"{reverse(name, args=[1]).replace('/1/', f'/{number}/')}")
    assert response.status_code == 404
    assert "There is no such page" in text_of(response)


def test_positions_show_their_side_sign_and_profit(full_desk):
    page = text_of(full_desk.client.get(reverse("positions")))
    for text in ("SHORT", "−1,25,000", "+₹12,56,250.00", 'class="num strong card-status gain"'):
        assert text in page


def test_an_alert_shows_the_fix_the_duplicates_and_its_order(full_desk):
    page = text_of(full_desk.client.get(reverse("alerts")))
    for text in ("invalid_payload", "+2 duplicates", "3 × wrong secret from 1 address"):
        assert text in page
    order = full_desk.orders[Status.EXECUTED]
    assert reverse("order", args=[order.pk]) in page


@pytest.mark.parametrize("outcome", ["ACCEPTED", "IGNORED", "REJECTED"])
def test_alerts_are_filtered_by_outcome(full_desk, outcome):
    response = full_desk.client.get(reverse("alerts"), {"outcome": outcome})
    assert {alert.outcome for alert in response.context["page"].rows} == {outcome}


def test_the_page_of_a_missing_address_has_the_frame_of_the_desk(desk):
    response = desk.client.get("/nowhere/")
    assert response.status_code == 404
    assert 'aria-label="Pages"' in text_of(response)


def test_a_missing_address_shows_a_stranger_no_desk(client, db):
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert 'aria-label="Pages"' not in text_of(response)


def test_a_page_that_fails_says_so_without_the_database(desk, monkeypatch):
    desk.client.raise_request_exception = False

    def broken(*_args, **_kwargs):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("trading.selectors.accounts", broken)
    response = desk.client.get(reverse("queue"))
    assert response.status_code == 500
    assert "Something went wrong here" in text_of(response)
    assert "no such luck" not in text_of(response)


def test_an_unknown_host_gets_a_plain_400(desk):
    response = desk.client.get("/", headers={"host": "evil.example.com"})
    assert response.status_code == 400
    assert "ST_ALLOWED_HOSTS" in text_of(response)


def test_a_post_without_the_token_of_its_form_says_to_load_the_page_again(person):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)
    response = strict.post(reverse("halt"))
    assert response.status_code == 403
    assert "load the page again" in text_of(response)


def test_the_login_page_names_the_product_and_refuses_a_wrong_password(client, person):
    assert "SigmaTrader" in text_of(client.get(reverse("login")))
    response = client.post(reverse("login"), {"username": "asha", "password": "wrong"})
    assert response.status_code == 200
    assert 'role="alert"' in text_of(response)


def test_a_name_that_was_tried_too_often_is_locked_with_an_explanation(client, person):
    for _ in range(8):
        response = client.post(reverse("login"), {"username": "asha", "password": "wrong"})
    assert response.status_code == 429
    assert "Too many tries" in text_of(response)


def test_a_page_loads_scripts_and_styles_from_its_own_host_alone(desk):
    response = desk.client.get(reverse("queue"))
    sources = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', text_of(response))
    assert sources
    assert all(source.startswith("/static/") for source in sources)
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_static_files_that_the_pages_name_exist(desk):
    page = text_of(desk.client.get(reverse("queue")))
    for name in set(re.findall(r'"/static/([^"#]+)', page)):
        assert finders.find(name), name


def test_every_icon_that_a_page_uses_is_in_the_sprite(full_desk):
    with open(finders.find("img/icons.svg")) as sprite:
        known = set(re.findall(r'<symbol id="(\w+)"', sprite.read()))
    pages = [reverse(name) for name in PAGES]
    pages += [reverse("order", args=[order.pk]) for order in full_desk.orders.values()]
    used = {
        name
        for page in pages
        for name in re.findall(r"icons\.svg#(\w+)", text_of(full_desk.client.get(page)))
    }
    assert used
    assert used <= known


def test_a_hostile_search_is_shown_and_harmless(full_desk):
    for name in ("orders", "alerts"):
        page = text_of(full_desk.client.get(reverse(name), {"q": HOSTILE}))
        assert not UNESCAPED.search(page)


@pytest.mark.django_db
def test_a_user_name_that_nobody_can_have_is_refused(client):
    answer = client.post("/accounts/login/", {"username": "x" * 300, "password": "whatever"})
    assert answer.status_code == 200
    assert "at most 150 letters" in answer.content.decode()
