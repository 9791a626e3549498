"""A message's text while it is looked at: a mark of one character stands for each placeholder."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from trading.webhooks import placeholders
from trading.webhooks.advice import Finding
from trading.webhooks.text import JSON_STRING

FIRST_MARK = 0xE100
MARK = "[\ue100-\uf8ff]"
MARKS = re.compile(MARK)
STRING = re.compile(JSON_STRING, re.DOTALL)


@dataclass
class Written:
    """A message while it is mended. `text` has a mark in place of each placeholder of `names`."""

    text: str
    names: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    readable: bool = False

    def find(self, code: str, text: str, fix: str, at: int | None = None) -> None:
        """Note a slip, once for each code; `at` is where in `text`."""
        if all(one.code != code for one in self.findings):
            line = None if at is None else self.text.count("\n", 0, at) + 1
            self.findings.append(Finding(code, text, fix, line))

    @property
    def template(self) -> str:
        """The mended text with its placeholders as TradingView looks for them."""
        return MARKS.sub(lambda match: "{{" + self.name(match.group()) + "}}", self.text)

    def filled(self, now: datetime) -> str:
        """As TradingView might send it; a placeholder that is not real stays."""

        def value(match: re.Match[str]) -> str:
            name = self.name(match.group())
            if placeholders.is_real(name):
                return placeholders.sample_of(name, now)
            return _escaped(name)

        return MARKS.sub(value, self.text)

    def kept(self) -> str:
        """JSON in which the texts still have their placeholders; a bare one is 0."""
        return apart(
            self.text,
            string=lambda part: MARKS.sub(lambda one: _escaped(self.name(one.group())), part),
            rest=lambda part: MARKS.sub("0", part),
        )

    def name(self, mark: str) -> str:
        return self.names[ord(mark) - FIRST_MARK]


def _escaped(name: str) -> str:
    return json.dumps("{{" + name + "}}", ensure_ascii=False)[1:-1]


def apart(text: str, *, string: Callable[[str], str], rest: Callable[[str], str]) -> str:
    parts: list[str] = []
    end = 0
    for match in STRING.finditer(text):
        parts += [rest(text[end : match.start()]), string(match.group())]
        end = match.end()
    return "".join([*parts, rest(text[end:])])
