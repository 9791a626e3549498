"""From bytes to one JSON object: what is strict, what is mended, what is refused."""

import json
import time
from decimal import Decimal

import pytest

from trading.webhooks.payload import MAX_BYTES, Rejection, as_text, read


def refusal_of(body):
    with pytest.raises(Rejection) as refusal:
        read(body if isinstance(body, bytes) else body.encode())
    return refusal.value


def text_of(refusal):
    return refusal.errors["body"][0]


def nested(levels):
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


def test_numbers_come_as_exact_decimals():
    document = read(b'{"price": 0.1, "quantity": 5}')
    assert document.data == {"price": Decimal("0.1"), "quantity": 5}
    assert not document.repaired


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"a": 1}',
        b' \r\n\t{"a": 1}\n\n',
        b'\n\xef\xbb\xbf {"a": 1}\xc2\xa0',
        b'"{\\"a\\": 1}"',
        b' "  {\\"a\\": 1} "',
    ],
)
def test_a_bom_blanks_and_a_json_string_around_are_no_repair(body):
    document = read(body)
    assert document.data == {"a": 1}
    assert not document.repaired


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ('Alert! {"a": 1} -- end', {"a": 1}),
        ('He said "go": {"a": "}"} // now', {"a": "}"}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2, ], "b": {"c": 1 ,\n}}', {"a": [1, 2], "b": {"c": 1}}),
        ('{"p": 2,673.10, "q": 1}', {"p": Decimal("2673.10"), "q": 1}),
        ('{"p": 12,34,567.50}', {"p": Decimal("1234567.50")}),
        ('{"p":-1,234}', {"p": -1234}),
        ('{"q": 1,000,}', {"q": 1000}),
        ('{"c": ":1,000, 2,000,}", "q": 1,000}', {"c": ":1,000, 2,000,}", "q": 1000}),
        ('"{\\"a\\": 1,}"', {"a": 1}),
    ],
)
def test_the_known_slips_are_mended_and_marked(body, data):
    document = read(body.encode())
    assert document.repaired
    assert document.data == data


@pytest.mark.parametrize(
    "body",
    [
        "",
        "   ",
        "null",
        "5",
        "[]",
        '"x"',
        "true",
        '[{"a": 1}]',
        '"\\"{}\\""',
        "SuperTrend Buy",
        '{"a": 1',
        '{"a": 1}}',
        '{"a": {"b": 1}',
        '{"a": 1} {"b": 2}',
        '{"a": 1 /* why */}',
        "{'a': 1}",
        "{a: 1}",
        '{"a": 1,,}',
        '{"a": 1,00}',
        '{"a": 1,2345}',
        '{"a": 1,234,5}',
        '{"a": [1,234.5.6]}',
        '{"a": 01}',
        '{"a": +1}',
        '{"a": "line\nbreak"}',
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '{"a": 1e400}',
        '{"a": 1e-400}',
        '{"a": 1e99999999999999999999}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 0.' + "1" * 5000 + "}",
        "secret=test-secret&quantity=1",
    ],
)
def test_what_is_no_json_object_is_refused(body):
    refusal = refusal_of(body)
    assert (refusal.status, refusal.code) == (400, "invalid_json")
    assert text_of(refusal)


def test_an_array_of_numbers_is_not_taken_for_a_grouped_number():
    assert read(b'{"a": [1,234], "b": 1,}').data["a"] == [1, 234]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{\x00}\x00", b'{"a": "\xe9"}', b'{"a": "\xed\xa0\x80"}']
)
def test_only_utf_8_is_read(body):
    assert refusal_of(body).code == "invalid_encoding"


def test_depth_is_limited_before_the_parser_recurses():
    assert read(nested(32).encode()).data
    assert refusal_of(nested(33)).code == "too_deep"
    assert refusal_of("[" * MAX_BYTES).code == "too_deep"
    assert refusal_of('{"a": ' + "[" * 990 + "]" * 990 + "}").code == "too_deep"
    assert refusal_of('"' + "[" * 990 + '"').code == "too_deep"


def test_brackets_inside_texts_are_not_depth():
    assert read(json.dumps({"comment": "[{" * 100 + '\\"'}).encode()).data


def test_keys_are_counted_over_the_whole_body():
    part = {f"k{i}": i for i in range(99)}
    assert read(json.dumps({"a": part, "b": part}).encode()).data["b"] == part
    assert refusal_of(json.dumps({"a": part, "b": part, "c": 1})).code == "too_many_keys"


@pytest.mark.parametrize(
    "body",
    [
        '{"qty": 1, "qty": 1}',
        '{"Qty": 1, "qty": 2}',
        '{"a": [{"b": {"qty": 1, "QTY": 2}}]}',
        '{"a": 1, "\\u0061": 2}',
        'text {"qty": 1, "qty": 2} around',
        '"{\\"qty\\": 1, \\"qty\\": 2}"',
    ],
)
def test_a_key_twice_is_refused_in_any_case_and_at_any_depth(body):
    refusal = refusal_of(body)
    assert (refusal.status, refusal.code) == (400, "duplicate_keys")
    assert "occurs twice" in text_of(refusal)


def test_the_refusal_names_the_key_that_occurs_twice():
    assert '"Qty" and "qty"' in text_of(refusal_of('{"a": 1, "Qty": 1, "qty": 2}'))
    assert 'key "qty" occurs' in text_of(refusal_of('{"qty": 1, "qty": 2}'))


def test_the_refusal_says_which_placeholder_was_not_filled_in():
    text = text_of(refusal_of('{"quantity": {{strategy.order.contracts}}}'))
    assert "{{strategy.order.contracts}}" in text


def test_the_refusal_says_where_the_json_breaks():
    assert "line 2, column 3" in text_of(refusal_of("{\n  a\n}"))
    assert "line break" in text_of(refusal_of('{"comment": "a\nb"}'))


def test_a_body_over_the_size_is_refused_unread():
    assert read(b"{}" + b" " * (MAX_BYTES - 2)).data == {}
    assert refusal_of(b"{}" + b" " * (MAX_BYTES - 1)).status == 413


@pytest.mark.parametrize(
    "body",
    [
        '"\\' * (MAX_BYTES // 2),
        '{"a":"' + '\\"' * 8000,
        "{" + '"' * 16000,
        "{," + " ," * 8000,
        "{:" + " :" * 8000,
        "{" + ":1,000" * 2500,
        "{" + ": " * 8000 + "}",
    ],
)
def test_hostile_bodies_cost_little_time(body):
    start = time.process_time()
    refusal_of(body)
    assert time.process_time() - start < 0.25


def test_the_digest_ignores_order_spelling_and_secret():
    first = read(
        b'{"secret": "a", "symbol": "X", "price": 1500.50, "meta": {"secret": "b", "v": 1}}'
    )
    second = read(b'{ "meta":{"v":1}, "price":1500.5,\n"symbol":"X", "secret":"other" }')
    third = read(b'{"symbol": "X", "price": 1500.51, "meta": {"v": 1}}')

    assert first.digest == second.digest
    assert first.digest != third.digest
    assert len(first.digest) == 64


def test_one_number_written_two_ways_has_one_digest():
    assert read(b'{"q": 1500}').digest == read(b'{"q": 1500.0}').digest
    assert read(b'{"q": 0}').digest == read(b'{"q": 0e999999}').digest


def test_an_unreadable_body_becomes_text_that_can_be_stored():
    assert as_text(b"a\x00b\xff") == "a\ufffdb\ufffd"
