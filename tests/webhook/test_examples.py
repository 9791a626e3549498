"""The 48 example bodies, posted: answer, alert and order are as expected.json says."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.factories import StrategyFactory
from tests.webhook.conftest import SECRET
from trading.models import Alert, Order

FOLDER = Path(__file__).parents[1] / "data" / "payloads"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
CASES = EXPECTED["cases"]

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def strategies(ready):
    assert EXPECTED["fixture"]["webhook_secret"] == SECRET
    for fields in EXPECTED["fixture"]["strategies"]:
        StrategyFactory(**fields)


def sent(name):
    """Body, content type and headers of an example."""
    raw = (FOLDER / name).read_bytes()
    case = CASES[name]
    if case["transport"] == "json":
        return raw, "application/json", case.get("headers", {})
    wrapper = json.loads(raw)
    return wrapper["_raw_body"].encode(), wrapper["_content_type"], {}


@pytest.mark.parametrize("name", CASES)
def test_an_example_gives_what_is_expected(name, strategies, post):
    expect = CASES[name]["expect"]
    body, content_type, headers = sent(name)
    response = post(body, content_type, headers=headers)
    answer = response.json()

    assert response.status_code == expect["status_code"], answer
    assert answer["status"] == expect["status"]
    assert answer.get("code") == expect.get("code", answer.get("code"))
    assert SECRET not in response.content.decode()
    if expect["order"] is None:
        assert not Order.objects.exists()
    else:
        check_order(Order.objects.get(pk=answer["order_id"]), answer, expect["order"])
    for stored in Alert.objects.values():
        assert SECRET not in json.dumps(stored, default=str)


def check_order(order, answer, expected):
    assert answer["id"] == answer["alert_id"] == order.alert_id
    assert (answer["order_status"], answer["mode"]) == (order.status, order.mode)
    for field, value in expected.items():
        actual = getattr(order, field)
        if field == "status" and isinstance(value, list):
            assert actual in value
        elif field == "price" and value is not None:
            assert actual == Decimal(value)
        else:
            assert actual == value, field


@pytest.mark.parametrize(
    "name", [name for name in CASES if CASES[name]["expect"]["status_code"] in (400, 422)]
)
def test_a_refused_example_is_kept_when_its_secret_was_right(name, strategies, post):
    body, content_type, headers = sent(name)
    post(body, content_type, headers=headers)
    knows_it = f'"{SECRET}"'.encode() in body
    kept = list(Alert.objects.all())
    assert len(kept) == knows_it
    if kept:
        assert kept[0].outcome == "REJECTED"
        assert kept[0].errors
        assert "***" in kept[0].raw_body
