"""The slips in how a message is written, found and mended; its placeholders stay. Pure."""

import json
import re
from collections.abc import Callable

from trading.webhooks import placeholders
from trading.webhooks.keys import NAMES
from trading.webhooks.layers import SPELLINGS
from trading.webhooks.text import shown
from trading.webhooks.written import FIRST_MARK, MARK, MARKS, STRING, Written, apart

_CURLY_DOUBLE = "“”„‟«»″＂"
_CURLY_SINGLE = "‘’‚‛′"
_TO_DOUBLE = str.maketrans(dict.fromkeys(_CURLY_DOUBLE, '"'))
_TO_SINGLE = str.maketrans(dict.fromkeys(_CURLY_SINGLE, "'"))
_CURLY = re.compile(f"[{_CURLY_DOUBLE}{_CURLY_SINGLE}]")
_SINGLE = re.compile(r"'[^'\n]*'")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|#[^\n]*", re.DOTALL)
_TRAILING = re.compile(r",(?=\s*[}\]])")
_THOUSANDS = re.compile(
    r"(?<=:)\s*-?[0-9]{1,3}(?:,[0-9]{2,3})+(?:\.[0-9]+)?(?=\s*(?:[}\]]|,\s*[\"}]))"
)
_KEY = re.compile(r"(?<=[{,])\s*[A-Za-z_]\w*(?=\s*:)")
_VALUE = re.compile(rf"(?<=:)\s*(?:[A-Za-z_]|{MARK})[^,}}\]\n\"]*")
_MEMBER = re.compile(r'"[^"\n]*"\s*:')
_AFTER_VALUE = re.compile(r"\s*[,:}\]]")
_WORDS = frozenset({"true", "false", "null"})
_NAN = frozenset({"nan", "na", "infinity", "inf", "undefined"})
_PYTHON = {"True": "true", "False": "false", "None": "null"}

_ONE_CLOSED = re.compile(r"\{\{(?P<name>[^{}\n]{1,80}?)\}(?!\})")
_ONE_OPENED = re.compile(r"(?<!\{)\{(?P<name>[\w.]{1,60})\}\}")
_ONE_EACH = re.compile(r'(?<=")\{(?P<name>[\w.]{1,60})\}(?=")')
# The key in whose value a text ends, and how far before the end it may stand.
_LOOK_BACK = 200
_KEY_BEFORE = re.compile(r'"(?P<key>\w{1,80})"\s*:\s*"?[^"{}\[\],]*\Z')
_HISTORY = re.compile(r"(?P<name>[\w.]+)\[[0-9]+\]")
_MOST_MENDED = 8


def written(text: str) -> Written:
    """`text` with its slips noted, and mended as far as they can be."""
    message = Written(MARKS.sub("\ufffd", text).strip())
    _close_braces(message)
    _mark(message)
    _quotes(message)
    _only_object(message)
    _comments(message)
    _bare_values(message)
    _numbers_and_commas(message)
    _parse(message)
    return message


def _skeleton(text: str) -> str:
    """`text` with blanks inside its strings: as long, and what stands in it is no text."""
    return STRING.sub(lambda match: '"' + " " * (len(match.group()) - 2) + '"', text)


def _replace(
    message: Written, pattern: re.Pattern[str], replacement: Callable[[str, int], str]
) -> None:
    """Replace what `pattern` finds outside strings by `replacement(found, at)`."""
    parts: list[str] = []
    end = 0
    for match in pattern.finditer(_skeleton(message.text)):
        found = message.text[match.start() : match.end()]
        parts += [message.text[end : match.start()], replacement(found, match.start())]
        end = match.end()
    message.text = "".join([*parts, message.text[end:]])


# -- placeholders --------------------------------------------------------------------------------


def _close_braces(message: Written) -> None:
    """{{close}, {close}} and "{close}" become {{close}}."""

    def closed(match: re.Match[str]) -> str:
        name = match["name"].strip()
        if not placeholders.is_real(name) and placeholders.nearest(name) is None:
            return match.group()
        message.find(
            "broken_placeholder",
            f"{shown(match.group())} has not two braces on each side.",
            f"Write {{{{{name}}}}}.",
            match.start(),
        )
        return "{{" + name + "}}"

    for pattern in (_ONE_CLOSED, _ONE_OPENED, _ONE_EACH):
        message.text = pattern.sub(closed, message.text)


def _mark(message: Written) -> None:
    def marked(match: re.Match[str]) -> str:
        message.names.append(_meant(message, match["name"], match.start()))
        return chr(FIRST_MARK + len(message.names) - 1)

    message.text = placeholders.FOUND.sub(marked, message.text)


def _meant(message: Written, name: str, at: int) -> str:
    """The name of the real placeholder that `name` stands for, else `name`."""
    if placeholders.is_real(name):
        return name
    tidy = name.strip().translate(_TO_DOUBLE).translate(_TO_SINGLE).replace("'", '"')
    if placeholders.is_real(tidy):
        message.find(
            "broken_placeholder",
            f"{shown('{{' + name + '}}')} has blanks or other quotes inside its braces.",
            f"Write {{{{{tidy}}}}}.",
            at,
        )
        return tidy
    what = f"TradingView has no placeholder {shown('{{' + name + '}}', 80)}"
    key = _KEY_BEFORE.search(message.text, max(at - _LOOK_BACK, 0), at)
    if key is not None and key["key"] not in NAMES and key["key"] not in SPELLINGS:
        message.find(
            "unread_placeholder",
            f"{what}: it stays as it is in {shown(key['key'])}, which nothing reads.",
            "Nothing to mend, unless the value was to count.",
            at,
        )
        return name
    past = _HISTORY.fullmatch(tidy)
    if past is not None and placeholders.is_real(past["name"]):
        message.find(
            "unknown_placeholder",
            f"{what}: it gives the value of now, never of an earlier bar.",
            f'Plot the earlier value and use {{{{plot("…")}}}}, or use {{{{{past["name"]}}}}}.',
            at,
        )
        return past["name"]
    near = placeholders.nearest(tidy)
    if tidy.startswith("plot_"):
        fix = 'Numbers go from {{plot_0}} to {{plot_19}}; use {{plot("title")}} for later plots.'
    elif near is not None:
        fix = f"Did you mean {{{{{near}}}}}?"
    else:
        fix = "Look at the list of placeholders, and write it exactly so."
    message.find("unknown_placeholder", f"{what}: it would stay as it is.", fix, at)
    return near if near is not None else name


# -- quotes, comments and what stands around -----------------------------------------------------


def _quotes(message: Written) -> None:
    curly = _CURLY.search(_skeleton(message.text))
    if curly is not None:
        message.find(
            "smart_quotes",
            f"{curly.group()} is a typographic quotation mark, as word processors make it.",
            'Use the plain one, ", or copy the message from the builder.',
            curly.start(),
        )
        message.text = message.text.translate(_TO_DOUBLE)
        _replace(message, _CURLY, lambda _found, _at: "'")

    def doubled(found: str, at: int) -> str:
        message.find(
            "single_quotes", f"{shown(found[1:-1])} stands in single quotes.", 'JSON wants ".', at
        )
        return f'"{found[1:-1]}"'

    _replace(message, _SINGLE, doubled)


def _only_object(message: Written) -> None:
    """Drop the text before the first and after the last brace."""
    skeleton = _skeleton(message.text)
    start, end = skeleton.find("{"), skeleton.rfind("}")
    if start < 0:
        return
    around = (message.text[:start] + (message.text[end + 1 :] if end > start else "")).strip()
    if not around or around == '""':
        return
    if _COMMENT.sub("", around).strip():
        message.find(
            "text_around",
            f"There is text around the object: {shown(around, 40)}. It is cut off, and the order "
            "waits for a person.",
            "Leave only what stands between the first { and the last }.",
        )
    else:
        _say_comment(message, 0)
    message.text = message.text[start : end + 1] if end > start else message.text[start:]


def _say_comment(message: Written, at: int) -> None:
    message.find("comment", "JSON has no comments.", "Remove what stands behind //, /* or #.", at)


def _comments(message: Written) -> None:
    def gone(_found: str, at: int) -> str:
        _say_comment(message, at)
        return ""

    _replace(message, _COMMENT, gone)


# -- values without quotes -----------------------------------------------------------------------


def _bare_values(message: Written) -> None:
    def quoted_key(found: str, at: int) -> str:
        name = found.strip()
        message.find("bare_word", f"{shown(name)} has no quotes.", f'Write "{name}".', at)
        return found.replace(name, f'"{name}"')

    def value(found: str, at: int) -> str:
        return found.replace(found.strip(), _bare(message, found.strip(), at))

    _replace(message, _KEY, quoted_key)
    _replace(message, _VALUE, value)


def _bare(message: Written, word: str, at: int) -> str:
    """What to write for a value that stands without quotes."""
    if word in _WORDS:
        return word
    if word.lower() in _NAN:
        message.find(
            "nan",
            f"{word} is no JSON: Pine writes it for a value that is not there.",
            "Put the value in quotes, where NaN counts as missing, or send no alert without it.",
            at,
        )
        return "null"
    if word in _PYTHON:
        message.find(
            "python_word", f"{word} is not JSON.", f"Write {_PYTHON[word]}, in small letters.", at
        )
        return _PYTHON[word]
    if MARKS.search(word) is None:
        message.find("bare_word", f"{shown(word)} has no quotes.", f'Write "{word}".', at)
        return f'"{word}"'
    template = MARKS.sub(lambda one: "{{" + message.name(one.group()) + "}}", word)
    alone = len(word) == 1 and placeholders.is_number(message.name(word))
    if alone:
        message.find(
            "bare_number",
            f"{template} stands without quotes: where TradingView has no value it writes NaN, and "
            "the message can't be read.",
            f'Write "{template}": numbers in quotes are understood.',
            at,
        )
        return word
    message.find(
        "bare_placeholder",
        f"{template} gives a text and stands without quotes.",
        f'Write "{template}".',
        at,
    )
    return f'"{word}"'


def _numbers_and_commas(message: Written) -> None:
    def without_groups(found: str, at: int) -> str:
        message.find(
            "thousands",
            f"{found.strip()} has commas inside a number. It is mended, and the order waits.",
            "Write the digits alone, or put the number in quotes.",
            at,
        )
        return found.replace(",", "")

    def without_comma(_found: str, at: int) -> str:
        message.find(
            "trailing_comma",
            "There is a comma before a closing bracket. It is mended, and the order waits.",
            "Remove the comma behind the last value.",
            at,
        )
        return ""

    _replace(message, _THOUSANDS, without_groups)
    _replace(message, _TRAILING, without_comma)


# -- what the parser says ------------------------------------------------------------------------


def _parse(message: Written) -> None:
    """Mend what the parser stumbles over, one place after the other, and say what stays broken."""
    for _ in range(_MOST_MENDED):
        try:
            plain = apart(message.text, string=str, rest=lambda part: MARKS.sub("0", part))
            json.loads(plain, parse_int=str)  # Python makes no number of thousands of digits
        except json.JSONDecodeError as error:
            if not _mended(message, error):
                return
        except RecursionError:
            return
        else:
            message.readable = True
            return


def _mended(message: Written, error: json.JSONDecodeError) -> bool:
    at = error.pos
    if error.msg.startswith("Invalid control character"):
        return _joined_line(message, at)
    if error.msg.startswith("Unterminated string"):
        _say_unclosed_quote(message, at)
    elif error.msg.startswith("Expecting ',' delimiter") and _MEMBER.match(message.text, at):
        before = message.text[:at].rstrip()
        message.find(
            "missing_comma",
            "A comma is missing between two values.",
            "Put a comma at the end of the line before.",
            len(before),
        )
        message.text = f"{before},{message.text[len(before) :]}"
        return True
    elif _opened(message.text):
        message.find(
            "unclosed",
            "A bracket is opened and not closed: the end of the message is missing.",
            "Copy the message whole; each { needs its }.",
        )
    else:
        message.find(
            "not_json",
            f"This is no JSON: {error.msg}.",
            "Compare it with the builder's message. A quotation mark inside a text breaks it.",
            at,
        )
    return False


def _joined_line(message: Written, at: int) -> bool:
    """Whether the string around `at` is whole once its line breaks are blanks."""
    token = next(one for one in STRING.finditer(message.text) if one.start() <= at < one.end())
    if _AFTER_VALUE.match(message.text, token.end()) is None:
        _say_unclosed_quote(message, token.start())
        return False
    joined = re.sub(r"\s*[\r\n\t]\s*", " ", token.group())
    message.find(
        "line_break",
        "There is a line break inside a text.",
        "Keep each text in quotes on one line.",
        at,
    )
    message.text = message.text[: token.start()] + joined + message.text[token.end() :]
    return True


def _say_unclosed_quote(message: Written, at: int) -> None:
    message.find(
        "unclosed_quote",
        "A quotation mark is missing: a text begins here and does not end on its line.",
        'Put a " at the end of the text.',
        at,
    )


def _opened(text: str) -> bool:
    skeleton = _skeleton(text)
    return skeleton.count("{") + skeleton.count("[") > skeleton.count("}") + skeleton.count("]")
