"""Mends the three slips that TradingView messages are known for. Pure.

Text around one object, a comma before a closing bracket, and bare thousands separators
("price": 2,673.10). Everything else stays broken. What is mended must wait for a person.
"""

import re

from trading.webhooks.text import JSON_STRING

_BRACE = re.compile(rf"{JSON_STRING}|[{{}}]", re.DOTALL)

# Western 1,234,567.50 or Indian 12,34,567.50 grouping.
_GROUPED = r"-?(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3})(?:\.\d+)?"
_SLIP = re.compile(
    rf"""
    (?P<string>{JSON_STRING})
    | :\s*+(?P<grouped>{_GROUPED})(?=\s*+(?:\}}|,\s*+["}}]))  # only where a member's value ends
    | (?P<comma>,)(?=\s*+[}}\]])
    """,
    re.DOTALL | re.VERBOSE | re.ASCII,
)


def repair(text: str) -> str | None:
    """The one object in `text`, mended; None when there is not exactly one."""
    found = _only_object(text)
    return None if found is None else _SLIP.sub(_mend, found)


def _only_object(text: str) -> str | None:
    start = text.find("{")
    if start < 0:
        return None
    depth = 0
    for match in _BRACE.finditer(text, start):
        token = match.group()
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if depth == 0:
                around = text[:start] + text[match.end() :]
                return None if "{" in around or "}" in around else text[start : match.end()]
    return None


def _mend(match: re.Match[str]) -> str:
    if match["string"] is not None:
        return match["string"]
    if match["comma"] is not None:
        return ""
    return ":" + match["grouped"].replace(",", "")
