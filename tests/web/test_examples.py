"""Each setting says what it does, with an example."""

import pytest
from django.urls import reverse

from risk.examples import EXAMPLES
from risk.settings_values import SETTINGS, SWITCHES
from tests.factories import StrategyFactory
from trading.models import Strategy

pytestmark = pytest.mark.django_db


def page_of(desk, name: str, *args: object) -> str:
    return desk.client.get(reverse(name, args=args)).content.decode()


def test_every_limit_that_is_no_switch_has_an_example():
    assert set(SETTINGS) - set(SWITCHES) == set(EXAMPLES)


@pytest.mark.parametrize("name", ["admin:risk_risksettings_add", "what_if"])
def test_limits_are_filled_in_beside_their_examples(desk, name):
    page = page_of(desk, name)
    assert "Example: 1,00,000: 70 shares at ₹1,500 are too many." in page
    assert "Example: Mon-Fri 09:15-09:30, the opening." in page


def test_a_strategy_is_set_up_beside_examples(desk):
    page = page_of(desk, "admin:trading_strategy_add")
    assert "Example: RISK with 2,000 and a stop ₹10 away makes 200 units." in page


def test_continuous_futures_are_switched_on_in_the_admin(desk):
    strategy = StrategyFactory(name="nifty", continuous_futures=False)
    address = reverse("admin:trading_strategy_change", args=[strategy.pk])
    form = desk.client.get(address).context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    given = {name: value for name, value in data.items() if value not in (None, False)}
    answer = desk.client.post(address, given | {"continuous_futures": "on"})
    assert answer.status_code == 302, answer.context["errors"]
    assert Strategy.objects.get().continuous_futures
