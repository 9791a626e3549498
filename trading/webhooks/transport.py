"""What HTTP itself must be like before a body is looked at."""

from django.http import HttpRequest, UnreadablePostError
from django.utils.http import parse_header_parameters

from trading.webhooks.payload import MAX_BYTES

MEDIA_TYPES = ("application/json", "text/plain")
_UTF8 = frozenset({"utf-8", "utf8"})


class Refusal(Exception):
    """An answer without an alert. `errors` by field; `retry_after` in seconds, 0 for none."""

    def __init__(
        self, status: int, code: str, errors: dict[str, list[str]], retry_after: int = 0
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.errors = errors
        self.retry_after = retry_after


def check_size(request: HttpRequest) -> None:
    """Raises Refusal 411 or 413 by what the headers declare; reads nothing."""
    declared = request.META.get("CONTENT_LENGTH", "")
    if request.META.get("HTTP_TRANSFER_ENCODING") or not (declared or "0").isdecimal():
        raise Refusal(
            411, "length_required", {"body": ["Send the body whole, with its Content-Length."]}
        )
    if len(declared) > 18 or int(declared or "0") > MAX_BYTES:
        raise Refusal(
            413, "body_too_large", {"body": [f"The body is over {MAX_BYTES} bytes. Shorten it."]}
        )


def check_media_type(request: HttpRequest) -> None:
    """Raises Refusal 415 unless the body is announced as plain UTF-8 JSON or text."""
    media_type, parameters = parse_header_parameters(request.META.get("CONTENT_TYPE", ""))
    if media_type not in MEDIA_TYPES:
        raise _unsupported("content_type", f"Send the alert as {' or '.join(MEDIA_TYPES)}.")
    if parameters.get("charset", "utf-8").strip().lower() not in _UTF8:
        raise _unsupported("content_type", "Send the alert as UTF-8.")
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
        raise _unsupported("content_encoding", "Send the alert uncompressed.")


def _unsupported(field: str, text: str) -> Refusal:
    return Refusal(415, "unsupported_media_type", {field: [text]})


def read_body(request: HttpRequest) -> bytes:
    """The body; Refusal 400 when the sender breaks off."""
    try:
        body = request.body
    except UnreadablePostError:
        body = b""
    if len(body) < int(request.META.get("CONTENT_LENGTH") or 0):
        raise Refusal(400, "incomplete_body", {"body": ["The body ended too early."]})
    return body
