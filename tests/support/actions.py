"""What the browser tests did, against what the pages offer: an action nobody tries is noticed.

The pages' own templates say what can be done: every form and every button with an address. While
`make test` runs, each browser notes which of them it sent with success, and on which size.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve
from django.urls.resolvers import URLPattern
from playwright.sync_api import Page, Response

from scripts import own_django

FOLDER_VARIABLE = "ST_TEST_ACTIONS"
TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
PAGES = ("trading.web.urls", "trading.webhooks.page_urls", "brokers.urls")
_FORM = re.compile(r"<form\b[^>]*?>", re.DOTALL)
_ADDRESS = re.compile(r"\b(hx-post|formaction|action)=\"([^\"]*)\"")
_NAME = re.compile(r"{% url '([\w:]+)'")
_POST = re.compile(r"\bmethod=\"post\"", re.IGNORECASE)

Action = tuple[str, str]  # the method and the name of the address


def _of_template(text: str) -> set[Action]:
    actions = set()
    for form in _FORM.findall(text):
        method = "POST" if _POST.search(form) else "GET"
        for attribute, address in _ADDRESS.findall(form):
            found = "POST" if attribute == "hx-post" else method
            actions |= {(found, name) for name in _NAME.findall(address)}
    for attribute, address in _ADDRESS.findall(_FORM.sub("", text)):
        if attribute != "action":
            actions |= {("POST", name) for name in _NAME.findall(address)}
    return actions


def offered(templates: Path = TEMPLATES) -> set[Action]:
    """Every action that a page offers by a form or a button."""
    texts = (path.read_text() for path in templates.rglob("*.html"))
    return set().union(*(_of_template(text) for text in texts))


def addresses() -> set[str]:
    """The name of every page, part of a page and file that a browser can ask for."""
    patterns = (pattern for name in PAGES for pattern in import_module(name).urlpatterns)
    return {p.name for p in patterns if isinstance(p, URLPattern) and p.name}


def _name_of(url: str) -> str | None:
    try:
        return resolve(urlsplit(url).path).view_name
    except Resolver404:
        return None


def watch(page: Page, size: str) -> None:
    """Note what this page sends, if the run collects it. A refused action was not done."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return
    path = Path(folder) / str(os.getpid())

    def note(method: str, url: str) -> None:
        if name := _name_of(url):
            with path.open("a") as lines:
                lines.write(f"{size} {method} {name}\n")

    def on_response(response: Response) -> None:
        if response.status < 400:
            note(response.request.method, response.url)

    page.on("response", on_response)
    page.on("download", lambda download: note("GET", download.url))  # which tells no response


def _missing(done: set[tuple[str, ...]], sizes: Iterable[str]) -> Iterator[str]:
    for method, name in sorted(offered()):
        for size in sizes:
            if (size, method, name) not in done:
                yield f"{method} {name} ({size})"
    asked = {name for _size, _method, name in done}
    yield from (f"{name} (at all)" for name in sorted(addresses() - asked))


def never_done(folder: Path, sizes: Iterable[str]) -> list[str]:
    """What the pages offer and no browser did, one line each."""
    lines = (line for path in folder.iterdir() for line in path.read_text().splitlines())
    return list(_missing({tuple(line.split()) for line in lines}, sizes))


def main() -> int:
    """`python -m tests.support.actions <folder>`: 1 when something was never done."""
    folder = Path(sys.argv[1])
    own_django.set_up("actions")
    missing = never_done(folder, ("wide", "phone"))
    for line in missing:
        sys.stdout.write(f"No browser test does: {line}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
