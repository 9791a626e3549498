"""Resuming by API asks for a code of whoever has a second factor; nothing else does."""

import pytest
import time_machine

from sigmatrader import second_factor
from tests.support.authenticator import enrol

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

RESUME = {"state": "ACTIVE", "reason": "the storm is over"}


@pytest.fixture
def lunch():
    with time_machine.travel("2026-11-23 07:00:10+00:00", tick=False) as traveller:
        yield traveller


@pytest.fixture
def app(lunch, user):
    return enrol(user)


@pytest.fixture
def halted(app, api):
    assert api.post("trading-state/", {"state": "HALTED"}).status_code == 200
    return api


def state(api) -> str:
    return api.get("trading-state/").json()["states"][0]["state"]


def test_halting_and_reducing_ask_for_no_code(app, api):
    for word in ("HALTED", "REDUCING"):
        assert api.post("trading-state/", {"state": word}).status_code == 200
        assert state(api) == word


@pytest.mark.parametrize("more", [{}, {"code": ""}, {"code": "  "}])
def test_without_a_code_nothing_is_resumed(halted, more):
    response = halted.post("trading-state/", RESUME | more)
    assert (response.status_code, response.json()["errors"]) == (
        400, {"code": [second_factor.MISSING]},
    )  # fmt: skip
    assert state(halted) == "HALTED"


def test_a_wrong_code_resumes_nothing_and_the_next_has_to_wait(halted, app, lunch):
    response = halted.post("trading-state/", RESUME | {"code": app.wrong_code()})
    assert (response.status_code, response.json()["errors"]) == (
        400, {"code": [second_factor.WRONG]},
    )  # fmt: skip
    early = halted.post("trading-state/", RESUME | {"code": app.code()})
    assert "Wait until" in early.json()["errors"]["code"][0]
    assert state(halted) == "HALTED"
    lunch.shift(1)
    assert halted.post("trading-state/", RESUME | {"code": app.code()}).status_code == 200
    assert state(halted) == "ACTIVE"


def test_a_code_resumes_once(halted, app):
    code = {"code": app.code()}
    assert halted.post("trading-state/", RESUME | code).status_code == 200
    halted.post("trading-state/", {"state": "HALTED"})
    assert halted.post("trading-state/", RESUME | code).status_code == 400
    assert state(halted) == "HALTED"


def test_a_request_that_is_wrong_otherwise_uses_up_no_code(halted, app):
    code = {"code": app.code()}
    silent = halted.post("trading-state/", {"state": "ACTIVE"} | code)
    assert list(silent.json()["errors"]) == ["reason"]
    contrary = halted.post("trading-state/", RESUME | code | {"square_off": True})
    assert list(contrary.json()["errors"]) == ["square_off"]
    assert halted.post("trading-state/", RESUME | code).status_code == 200


def test_a_recovery_code_resumes_too(halted, user):
    code = second_factor.new_recovery_codes(user)[0]
    assert halted.post("trading-state/", RESUME | {"code": code}).status_code == 200
    assert state(halted) == "ACTIVE"


def test_one_account_is_resumed_with_a_code_alone_as_well(app, api, account):
    one = {"scope": "ACCOUNT", "connection_id": account.pk}
    api.post("trading-state/", {"state": "HALTED"} | one)
    assert api.post("trading-state/", RESUME | one).status_code == 400
    assert api.post("trading-state/", RESUME | one | {"code": app.code()}).status_code == 200


def test_a_repeated_request_gets_the_first_answer_and_uses_no_second_code(halted, app):
    body = RESUME | {"code": app.code()}
    first = halted.post("trading-state/", body, key="resume-1")
    again = halted.post("trading-state/", body, key="resume-1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_who_has_no_second_factor_resumes_with_a_reason_alone(api):
    api.post("trading-state/", {"state": "HALTED"})
    assert api.post("trading-state/", RESUME | {"code": "anything"}).status_code == 200
