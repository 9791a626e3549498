"""What goes over the wire is small, and what a browser has already is not sent again."""

import gzip

import pytest

pytestmark = pytest.mark.django_db

ZIPPED = {"HTTP_ACCEPT_ENCODING": "gzip"}


def test_pages_go_compressed_to_who_takes_it(admin_client):
    plain = admin_client.get("/risk/")
    zipped = admin_client.get("/risk/", **ZIPPED)
    assert (plain.get("Content-Encoding"), zipped["Content-Encoding"]) == (None, "gzip")
    assert len(zipped.content) * 3 < len(plain.content)
    assert gzip.decompress(zipped.content).startswith(b"<!DOCTYPE html>")


def test_a_static_file_goes_compressed_once_and_is_known_then(client):
    first = client.get("/static/css/app.css", **ZIPPED)
    body = b"".join(first.streaming_content)
    assert first["Content-Encoding"] == "gzip"
    assert b"--bg" in gzip.decompress(body)
    again = client.get("/static/css/app.css", HTTP_IF_NONE_MATCH=first["ETag"], **ZIPPED)
    assert again.status_code == 304
