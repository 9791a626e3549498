"""The secret is found where it may stand, and blanked wherever it stands."""

import json

import pytest

from trading.webhooks.payload import blank_secret, presented_secrets, quoted_secret_in, read

SECRET = 'päss"w\\ord/9'


def presented(data, header=None):
    return presented_secrets(read(json.dumps(data).encode()), header)


def test_the_header_comes_first_then_the_body_then_meta():
    data = {"secret": "body", "meta": {"secret": "meta"}, "signal": {"secret": "elsewhere"}}
    assert presented(data, "header") == ["header", "body", "meta"]
    assert presented(data) == ["body", "meta"]
    assert presented({"meta": "text"}) == []


@pytest.mark.parametrize("value", [5, None, True, {}, ["test-secret"], 1.5, "\ud800"])
def test_a_secret_that_is_no_text_is_present_and_none(value):
    assert presented({"secret": value}) == [None]


def test_a_secret_is_not_trimmed_or_shortened():
    assert presented({"secret": " a "}, "") == ["", " a "]
    assert presented({"secret": "x" * 9000}) == ["x" * 9000]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"secret": SECRET, "a": 1}),
        json.dumps({"secret": SECRET}, ensure_ascii=False),
        json.dumps({"meta": {"secret": SECRET}}),
        json.dumps({"comment": f"mine is {SECRET}!"}),
        json.dumps({SECRET: 1}),
        json.dumps(json.dumps({"secret": SECRET})),
        json.dumps(json.dumps(json.dumps({"secret": SECRET}))),
        json.dumps(json.dumps({"secret": SECRET}, ensure_ascii=False), ensure_ascii=False),
        '{"secret": "' + "".join(f"\\u{ord(c):04x}" for c in SECRET) + '"}',
        json.dumps('{"secret": "' + "".join(f"\\u{ord(c):04X}" for c in SECRET) + '"}'),
        json.dumps({"secret": SECRET})[:-1],
        "Alert! " + json.dumps({"secret": SECRET}) + " end",
        f"secret={SECRET}",
    ],
)
def test_no_form_of_the_secret_survives(text):
    blanked = blank_secret(text, [SECRET])
    assert "***" in blanked
    # Undoing one layer of escapes after the other never shows it.
    for _ in range(4):
        assert SECRET not in blanked
        assert json.dumps(SECRET)[1:-1] not in blanked
        assert "\\u0070\\u00e4" not in blanked.lower()
        blanked = blanked.replace('\\"', '"').replace("\\\\", "\\")


def test_the_rest_of_the_body_stays_as_it_was():
    text = '{ "secret" : "test-secret",\n "comment":"खरीद \\"x\\" \\u00e9", "price": 1500.0 }'
    assert blank_secret(text, ["test-secret"]) == text.replace("test-secret", "***")


def test_the_value_of_a_secret_key_is_blanked_even_when_it_is_another():
    text = '{"secret":"old-secret","meta":{"Secret" : "other"},"a":"old-secrets"}'
    assert blank_secret(text, []) == '{"secret":"***","meta":{"Secret" : "***"},"a":"old-secrets"}'
    assert "typo" not in blank_secret(json.dumps('{"secret": "typo"}'), [])


def test_a_secret_that_begins_with_another_goes_whole():
    assert blank_secret('"abcdef" "abc"', ["abc", "abcdef"]) == '"***" "***"'


def test_an_empty_secret_blanks_nothing():
    assert blank_secret('{"a": ""}', [""]) == '{"a": ""}'


def test_half_a_surrogate_beside_the_secret_stays_escaped():
    blanked = blank_secret('{"a": "\\ud800 test-\\u0073ecret"}', ["test-secret"])
    assert blanked == '{"a": "\\ud800 ***"}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"secret": "test-secret", "tra',
        b"{'secret': 'test-secret'}",
        b'"{\\"secret\\": \\"test-secret\\"',
        b'\xff\xfe {"secret":"test-secret"}',
    ],
)
def test_a_quoted_secret_is_found_in_an_unreadable_body(body):
    assert quoted_secret_in(body, ["other", "test-secret"]) == "test-secret"


@pytest.mark.parametrize(
    "body",
    [
        b"secret=test-secret&a=1",
        b'{"secret": "test-secret-2", "tra',
        b'{"secret": "my test-secret", "tra',
        b'{"secret": "", "tra',
        b"",
    ],
)
def test_an_unquoted_or_other_secret_is_not_found(body):
    assert quoted_secret_in(body, ["test-secret", ""]) is None


def test_a_secret_with_escapes_is_found_as_json_writes_it():
    for ascii_only in (True, False):
        body = json.dumps({"secret": SECRET}, ensure_ascii=ascii_only)[:-1].encode()
        assert quoted_secret_in(body, [SECRET]) == SECRET
