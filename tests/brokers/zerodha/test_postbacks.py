"""Kite's postbacks: genuine or not, and what they point at."""

import hashlib
import json

import pytest

from brokers.zerodha import postback
from brokers.zerodha.postback import BadPostback

SECRET = "secretABCDEFGHIJKLMNOP"


def body(secret: str = SECRET, **changes) -> bytes:
    row = {
        "order_id": "1953341975595868160",
        "user_id": "AB1234",
        "status": "COMPLETE",
        "order_timestamp": "2026-11-16 10:30:05",
        "unfilled_quantity": 0,
        "app_id": 1234,
    } | changes
    signed = f"{row['order_id']}{row['order_timestamp']}{secret}"
    row.setdefault("checksum", hashlib.sha256(signed.encode()).hexdigest())
    return json.dumps(row).encode()


def test_a_genuine_postback_points_at_its_order():
    found = postback.verify(body(), SECRET)
    assert (found.order_id, found.user_id) == ("1953341975595868160", "AB1234")
    assert found.status == "COMPLETE"


def test_the_checksum_covers_the_order_and_the_time():
    genuine = json.loads(body())
    for name, value in (("order_id", "1"), ("order_timestamp", "2026-11-16 10:30:06")):
        with pytest.raises(BadPostback, match="checksum"):
            postback.verify(json.dumps(genuine | {name: value}).encode(), SECRET)


@pytest.mark.parametrize("secret", ["another", ""])
def test_another_secret_and_an_empty_one_verify_nothing(secret):
    with pytest.raises(BadPostback, match="checksum"):
        postback.verify(body(secret="" if not secret else SECRET), secret)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        body(order_id=5),
        body(user_id=None),
        body(status=""),
        body(checksum=1),
        body(order_timestamp=None),
        body(user_id="\ud800"),
        body(user_id="a\0"),
        body(status="a" * 65),
    ],
)
def test_what_is_no_postback_is_refused(broken):
    with pytest.raises(BadPostback):
        postback.verify(broken, SECRET)


@pytest.mark.parametrize("checksum", ["é" * 64, "\ud800", "0" * 64, "x"])
def test_any_text_may_be_a_wrong_checksum(checksum):
    with pytest.raises(BadPostback, match="checksum"):
        postback.verify(body(checksum=checksum), SECRET)


def test_the_user_is_known_before_the_secret_is():
    found = postback.read(body())
    assert found.user_id == "AB1234"
    assert postback.is_genuine(found, SECRET)
    assert not postback.is_genuine(found, "another")
