"""The secret inside a body: found, and blanked before anything is stored. Pure."""

import json
import re
from collections.abc import Iterable

from trading.webhooks.reading import Document
from trading.webhooks.text import JSON_STRING

BLANK = "***"

_STRING = re.compile(JSON_STRING, re.DOTALL)
_SECRET_MEMBER = re.compile(rf'((?i:"secret")\s*+:\s*+){JSON_STRING}', re.DOTALL)
# How deep JSON inside a JSON string is looked into; 16 KiB cannot hold much more.
_NESTING = 4


def presented_secrets(document: Document, header: str | None) -> list[str | None]:
    """What was shown as secret: header, body `secret`, body `meta.secret`, those present.

    A value that cannot be a secret (a number, an object, broken Unicode) comes as None.
    """
    values: list[object] = [] if header is None else [header]
    values += [part["secret"] for part in _secret_holders(document) if "secret" in part]
    return [value if isinstance(value, str) and _encodable(value) else None for value in values]


def _secret_holders(document: Document) -> list[dict[str, object]]:
    meta = document.data.get("meta")
    return [document.data, meta] if isinstance(meta, dict) else [document.data]


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def blank_secret(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets: plain, JSON-escaped, or inside JSON that a string holds.

    The value of every "secret" key goes too, right or wrong.
    """
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    text = _blank_strings(text, known, _NESTING)
    text = _SECRET_MEMBER.sub(rf'\1"{BLANK}"', text)
    forms = sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True)
    if not forms:
        return text
    return re.sub("|".join(re.escape(form) for form in forms), BLANK, text)


def _blank_strings(text: str, secrets: list[str], nesting: int) -> str:
    """Blanks by meaning: a string with escapes is compared after it is decoded."""
    if "\\" not in text or nesting == 0:
        return text

    def blank(match: re.Match[str]) -> str:
        token = match.group()
        if "\\" not in token:
            return token
        try:
            value = json.loads(token, strict=False)
        except ValueError:
            return token
        blanked = _SECRET_MEMBER.sub(rf'\1"{BLANK}"', _blank_strings(value, secrets, nesting - 1))
        for secret in secrets:
            blanked = blanked.replace(secret, BLANK)
        if blanked == value:
            return token
        return json.dumps(blanked, ensure_ascii=not _encodable(blanked))

    return _STRING.sub(blank, text)


def _forms(secret: str) -> set[str]:
    """The secret plain, and as JSON writes it once and twice over."""
    forms = {secret}
    for _ in range(2):
        forms |= {json.dumps(form)[1:-1] for form in forms}
        forms |= {json.dumps(form, ensure_ascii=False)[1:-1] for form in forms}
    return forms


def quoted_secret_in(body: bytes, secrets: Iterable[str]) -> str | None:
    """The first of `secrets` that stands in `body` as a quoted value: "…", '…' or \\"…\\"."""
    for secret in secrets:
        if not secret:
            continue
        for form in _forms(secret):
            value = form.encode("utf-8", "surrogatepass")
            for quote in (b'"', b"'", b'\\"'):
                if quote + value + quote in body:
                    return secret
    return None
