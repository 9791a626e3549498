"""Small pieces of text work that reading, repair and blanking share. Pure."""

import re
import unicodedata

# A JSON string, or what begins as one and never ends. Linear on any input.
JSON_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
PLACEHOLDER = re.compile(r"\{\{[^{}]{0,80}\}\}")


def shown(value: object, limit: int = 60) -> str:
    """A value as an error text quotes it: short, and every odd character visible."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    cut = text if len(text) <= limit else text[:limit] + "…"
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
    return f'"{visible}"' if isinstance(value, str) else visible


def named(letter: str) -> str:
    """A character by number and name: "U+0406 CYRILLIC CAPITAL LETTER …"."""
    name = unicodedata.name(letter, "a control character")
    return f"U+{ord(letter):04X} {name}"
