"""The documentation as pages of the app: `docs/` made into HTML, and where a code is explained.

The files are part of the program: they are read once for each process.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.urls import reverse
from markdown_it import MarkdownIt
from markdown_it.token import Token

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COMMENT = re.compile(r"^<!--.*?-->$", re.MULTILINE)
_SNIPPET = 240


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the contents: the page's slug (its path below docs/, without .md)."""

    slug: str
    title: str
    about: str


CONTENTS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "At the desk",
        (
            Entry("pages", "The pages", "what the header, the lists and the figures say"),
            Entry("tradingview", "TradingView", "from nothing to the first alert"),
            Entry("webhook", "Webhook", "the message, every answer, every code and its fix"),
            Entry("zerodha", "Zerodha", "the app at Kite, static IP, the daily login"),
            Entry("queue", "The queue", "several orders at one press, keys, notices"),
            Entry("order-lifecycle", "An order's life", "statuses, and how an order is sent once"),
            Entry("risk-controls", "Risk controls", "every rule, gate, limit and breaker"),
            Entry("what-if", "What-if", "your alerts replayed through other limits"),
            Entry("analytics", "Analytics", "how each figure is made, charges included"),
            Entry("notifications", "Notifications", "channels, quiet hours, deciding by a link"),
            Entry("calendar", "Market calendar", "sessions, holidays, and how to renew them"),
            Entry("demo", "The demo", "a trading day without an account"),
            Entry("glossary", "Glossary", "one word for one idea"),
        ),
    ),
    (
        "Running it",
        (
            Entry("operations", "Operations", "variables, proxy, PostgreSQL, backups, upgrades"),
            Entry("rest-api", "REST API", "tokens, shapes, errors, idempotency"),
            Entry("schema", "Tables", "every column, check and index"),
        ),
    ),
    (
        "How it is made",
        (
            Entry("architecture", "Architecture", "the way of the data, folders, decisions"),
            Entry("faults", "Faults", "a campaign of orders against faults and kill -9"),
            Entry("benchmarks", "Benchmarks", "what is measured, and how it grows"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the plain text up to the next one."""

    anchor: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class HelpPage:
    slug: str
    title: str
    html: str
    sections: tuple[Section, ...]
    outline: tuple[Section, ...]  # the headings of the second level
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A section that has the words asked for."""

    url: str
    page: str
    title: str
    text: str


def folder() -> Path:
    return Path(settings.BASE_DIR) / "docs"


@lru_cache(maxsize=1)
def slugs() -> frozenset[str]:
    """Every page that there is; decisions are `decisions/0001-…`."""
    root = folder()
    return frozenset(
        path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.md")
    )


def contents() -> list[tuple[str, list[Entry]]]:
    """The table of contents, without what is not there."""
    return [
        (group, [entry for entry in entries if entry.slug in slugs()])
        for group, entries in CONTENTS
    ]


def picture(name: str) -> Path | None:
    """A picture of the documentation by its file name; None when there is none."""
    found = {path.name: path for path in (folder() / "img").iterdir()}
    return found.get(name)


@lru_cache(maxsize=64)
def page(slug: str) -> HelpPage:
    """A page made into HTML. Raises KeyError for a slug that is none."""
    if slug not in slugs():
        raise KeyError(slug)
    text = _COMMENT.sub("", (folder() / f"{slug}.md").read_text())
    tokens = _parser().parse(text)
    anchors = _name_headings(tokens)
    codes = _name_codes(tokens)
    _mend_links(tokens, slug)
    _frame_tables(tokens)
    sections = tuple(_sections(tokens, anchors))
    return HelpPage(
        slug=slug,
        title=sections[0].title if sections else slug,
        html=str(_parser().renderer.render(tokens, _parser().options, {})),
        sections=sections,
        outline=tuple(_outline(tokens)),
        codes=codes,
    )


def fix_url(code: str) -> str:
    """Where a code (of a refusal, a rule, an answer) is explained; empty when nowhere."""
    slug = _codes().get(code)
    return f"{reverse('help_page', args=[slug])}#{_code_anchor(code)}" if slug else ""


def find(words: str, limit: int = 20) -> list[Found]:
    """Sections that have every word, those with one in the heading first."""
    wanted = words.casefold().split()
    if not wanted:
        return []
    found: list[tuple[int, Found]] = []
    for group in contents():
        for entry in group[1]:
            for section in page(entry.slug).sections:
                title, text = section.title.casefold(), section.text.casefold()
                if all(word in title or word in text for word in wanted):
                    hits = sum(word in title for word in wanted)
                    found.append((-hits, _found(entry, section, wanted)))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])[:limit]]


def _found(entry: Entry, section: Section, wanted: Sequence[str]) -> Found:
    text = section.text
    place = max(text.casefold().find(wanted[0]), 0)
    start = max(place - _SNIPPET // 3, 0)
    piece = text[start : start + _SNIPPET]
    shown = f"{'… ' if start else ''}{piece}{' …' if start + _SNIPPET < len(text) else ''}"
    url = f"{reverse('help_page', args=[entry.slug])}#{section.anchor}"
    return Found(url, entry.title, section.title, shown)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Code → the first page, in the order of the contents, with a row for it."""
    where: dict[str, str] = {}
    for _, entries in contents():
        for entry in entries:
            for code in page(entry.slug).codes:
                where.setdefault(code, entry.slug)
    return where


def _code_anchor(code: str) -> str:
    return f"code-{code}"


def _plain(token: Token) -> str:
    return "".join(
        child.content if child.type in ("text", "code_inline") else " "
        for child in token.children or ()
        if child.type in ("text", "code_inline", "softbreak")
    )


def anchor_of(title: str) -> str:
    """What a heading is linked as."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _name_headings(tokens: Sequence[Token]) -> dict[int, str]:
    """Give each heading its id. Returns the anchors by the token's place."""
    anchors = {}
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            anchors[place] = anchor_of(_plain(tokens[place + 1]))
            token.attrSet("id", anchors[place])
    return anchors


def _name_codes(tokens: Sequence[Token]) -> frozenset[str]:
    """Give each row of a table that begins with a code an id, the first of a code alone."""
    named: set[str] = set()
    for place, token in enumerate(tokens[:-2]):
        if token.type != "tr_open" or tokens[place + 2].type != "inline":
            continue
        cell = tokens[place + 2].children or []
        if len(cell) == 1 and cell[0].type == "code_inline" and _CODE.fullmatch(cell[0].content):
            code = cell[0].content
            if code not in named:
                token.attrSet("id", _code_anchor(code))
                named.add(code)
    return frozenset(named)


def _mend_links(tokens: Sequence[Token], slug: str) -> None:
    """Links between the files become links between the pages; what is outside stays words."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _mended(str(child.attrGet("href")), slug))
            elif child.type == "image":
                name = PurePosixPath(str(child.attrGet("src"))).name
                child.attrSet("src", reverse("help_picture", args=[name]))


def _mended(target: str, slug: str) -> str:
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return target
    path, _, anchor = target.partition("#")
    linked = (folder() / f"{slug}.md").parent / path
    root = folder().resolve()
    resolved = linked.resolve()
    if resolved.suffix == ".md" and resolved.is_relative_to(root):
        to = resolved.relative_to(root).with_suffix("").as_posix()
        return reverse("help_page", args=[to]) + (f"#{anchor}" if anchor else "")
    return reverse("help")


def _frame_tables(tokens: Sequence[Token]) -> None:
    """Tables in the manner of the desk: each cell names its column, for cards on a phone."""
    names: list[str] = []
    column = 0
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            token.attrSet("class", "table cards table-tight")
            names = []
        elif token.type == "th_open":
            token.attrSet("scope", "col")
            names.append(_plain(tokens[place + 1]))
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":
            token.attrSet("data-label", names[column])
            if column == 0:
                token.attrSet("class", "card-title")
            column += 1


def _sections(tokens: Sequence[Token], anchors: dict[int, str]) -> Iterator[Section]:
    anchor, title, words = "", "", list[str]()
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            if title:
                yield Section(anchor, title, " ".join(words))
            anchor, title, words = anchors[place], _plain(tokens[place + 1]), []
        elif token.type == "inline" and tokens[place - 1].type != "heading_open":
            words.append(_plain(token))
        elif token.type in ("fence", "code_block"):
            words.append(token.content.strip())
    if title:
        yield Section(anchor, title, " ".join(words))


def _outline(tokens: Sequence[Token]) -> Iterator[Section]:
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            yield Section(str(token.attrGet("id")), _plain(tokens[place + 1]), "")
