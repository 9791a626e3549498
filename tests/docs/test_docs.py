"""The pages say what the program does: generated parts are fresh, names and links are right."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import environ
import pytest

from scripts import docs
from sigmatrader import conf
from tests.support import syntax

ROOT = syntax.REPOSITORY
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
OTHER_PAGES = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
VARIABLE = re.compile(r"^\| `(?P<name>ST_[A-Z_]+)` \| (?P<default>[^|]*) \|", re.MULTILINE)
CODE = re.compile(r"^\| `(?P<code>[a-z_]+)` \| (?P<status>\d{3}) \|", re.MULTILINE)
# Read by conf.py, and no setting of their own.
NOT_IN_EXAMPLE = {"ST_ENV_FILE"}
NO_ATTRIBUTE = {"ST_DATA_DIR", "ST_ZERODHA_ALLOW_OTHER_ROOT"}


def _prose(page: Path) -> str:
    """The text without code, where brackets are no links and # begins no heading."""
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", lambda code: code[0].replace("[", "").replace("#", ""), text)


def _anchors(page: Path) -> set[str]:
    """What a heading can be linked as."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def _broken_links(page: Path) -> Iterator[str]:
    for match in LINK.finditer(_prose(page)):
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists():
            yield f"{page.name}: there is no {target}"
        elif anchor and anchor not in _anchors(linked):
            yield f"{page.name}: {target} is no heading"


def test_the_generated_parts_are_fresh():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.docs", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_part_is_seen_and_made_anew():
    page = "# Page\n\n<!-- generated: x -->\n\nold\n\n<!-- end of x -->\n\nkept\n"
    fresh = docs.rewritten(page, {"x": lambda: "new"})
    assert fresh == page.replace("old", "new")
    assert docs.rewritten(fresh, {"x": lambda: "new"}) == fresh


@pytest.mark.parametrize("page", ["# Page\n", "<!-- generated: y -->\n<!-- end of y -->\n"])
def test_a_part_without_its_place_is_an_error(page):
    with pytest.raises(ValueError, match="x"):
        docs.rewritten(page, {"x": lambda: "new"})


@pytest.mark.parametrize("page", [*PAGES, *OTHER_PAGES], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    assert list(_broken_links(page)) == []


def test_a_broken_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A: heading\n\n[a](missing.md) [b](#a-heading) [c](page.md#no) [d](https://x.example)\n"
        "```\n[e](in-code.md)\n```\n"
    )
    assert list(_broken_links(page)) == [
        "page.md: there is no missing.md",
        "page.md: page.md#no is no heading",
    ]


def test_every_page_is_linked_from_another():
    linked = {
        (page.parent / match["target"].partition("#")[0]).resolve()
        for page in PAGES
        for match in LINK.finditer(_prose(page))
    }
    assert [page.name for page in PAGES[1:] if page not in linked] == []


def test_every_table_stands_in_the_overview():
    page = (ROOT / "docs/schema.md").read_text()
    overview, _, tables = page.partition("<!-- generated: tables -->")
    names = re.findall(r"^### (\w+)$", tables, re.MULTILINE)
    assert len(names) > 15
    assert sorted(re.findall(r"\]\(#(\w+)\)", overview)) == sorted(names)


def test_decisions_are_numbered_and_have_their_three_parts():
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    for page in pages:
        lines = page.read_text().splitlines()
        assert lines[0].startswith(f"# {page.name[:4]} ")
        assert [line for line in lines if line.startswith("## ")] == [
            "## Context",
            "## Decision",
            "## Consequences",
        ]


def test_every_package_that_is_installed_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[\[<>=]", wanted)[0] for wanted in project["dependencies"]]
    page = (ROOT / "docs/decisions/0005-dependencies.md").read_text()
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in page] == []


def _variables_read() -> set[str]:
    return set(re.findall(r'"(ST_[A-Z_]+)"', (ROOT / "sigmatrader/conf.py").read_text()))


def test_every_variable_stands_in_operations_and_in_the_example():
    documented = {found["name"] for found in VARIABLE.finditer(_operations())}
    example = set(re.findall(r"^#?(ST_[A-Z_]+)=", _example(), re.MULTILINE))
    read = _variables_read()
    assert len(read) > 20
    assert read - documented == set()
    assert read - example == NOT_IN_EXAMPLE
    elsewhere = "\n".join(
        path.read_text() for path in syntax.files("sigmatrader", "trading", "risk", "brokers")
    )
    assert [name for name in sorted(documented) if f'"{name}"' not in elsewhere] == []


def _operations() -> str:
    return (ROOT / "docs/operations.md").read_text()


def _example() -> str:
    return (ROOT / ".env.example").read_text()


def test_the_defaults_in_operations_are_those_of_the_program(tmp_path, monkeypatch):
    monkeypatch.setenv("ST_ENV_FILE", "/dev/null")
    monkeypatch.setattr(environ.Env, "ENVIRON", {"ST_DATA_DIR": str(tmp_path)})
    settings = conf.load(tmp_path)
    compared = 0
    for found in VARIABLE.finditer(_operations()):
        name, default = found["name"], found["default"].strip()
        if name not in _variables_read() or name in NOT_IN_EXAMPLE | NO_ATTRIBUTE:
            continue
        value = getattr(settings, name.removeprefix("ST_"))
        assert _described(value, default) == default, name
        compared += 1
    assert compared > 20


def _described(value: object, default: str) -> str:
    """`value` in the words of the table."""
    if default == "generated":
        return default if value else "missing"
    if value in ("", ()):
        return "empty"
    if isinstance(value, tuple):
        value = ",".join(value)
    if isinstance(value, float):
        value = f"{value:g}"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _code_words(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _code_words(node.body)
        yield from _code_words(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value


def _codes_of_call(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    place = {"Refusal": 1, "Rejection": 1, "unreadable": 0, "Ignored": 0}.get(name)
    if place is not None and len(call.args) > place:
        yield from _code_words(call.args[place])
    if name in ("Refusal", "Rejection", "Ignored", "Intake", "_reject", "reject", "ignore"):
        for keyword in call.keywords:
            if keyword.arg == "code":
                yield from _code_words(keyword.value)


def _codes(module: ast.Module) -> Iterator[str]:
    """The codes of refusals and ignored alerts, wherever the webhook's code writes one."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield from _codes_of_call(node)
        elif isinstance(node, ast.Assign):
            names = {getattr(target, "id", getattr(target, "attr", "")) for target in node.targets}
            if "code" in names:
                yield from _code_words(node.value)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    yield from _code_words(value)


@pytest.mark.parametrize(
    "line",
    [
        "Refusal(415, 'a_code', {})",
        "raise Rejection(400, 'a_code', {})",
        "raise unreadable('a_code', 'text')",
        "Ignored('a_code', fields)",
        "Intake('conflict', 1, code='a_code')",
        "code = 'a_code' if found else 'b_code'",
        "alert.code = 'a_code'",
        "answer = {'status': 'unavailable', 'code': 'a_code'}",
    ],
)
def test_every_way_to_give_a_code_is_seen(line):
    assert "a_code" in set(_codes(ast.parse(line)))


def test_every_code_of_the_webhook_stands_on_its_page_and_no_other():
    used = {
        code
        for path in syntax.files("trading/webhooks", "trading/services/intake.py")
        for code in _codes(syntax.tree(path))
    }
    page = (ROOT / "docs/webhook.md").read_text()
    described = {found["code"] for found in CODE.finditer(page)}
    assert len(used) > 15
    assert described == used
