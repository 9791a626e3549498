"""What the repository's files say and promise, whatever kind they are."""

import ast
import re

import pytest

from scripts import locks
from tests.support import syntax

TEXT = (".py", ".md", ".toml", ".txt", ".html", ".css", ".js", ".sh", ".yaml", ".yml", ".json",
        ".svg", ".cfg", "Makefile", "run", ".env.example", ".editorconfig")  # fmt: skip
# A path of somebody's own machine.
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:work|root|home|Users|mnt|opt/work)/[\w.-]")
LEFT_OVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
INLINE = re.compile(
    r"<style|\sstyle\s*=|\son[a-z]+\s*=|hx-on|javascript:|<script(?![^>]*\bsrc=)", re.IGNORECASE
)
ELSEWHERE = re.compile(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//[^\"']+\.(?:js|css|woff2?)\b")


def _texts():
    for path in syntax.files(".", suffix=""):
        if path.name.endswith(TEXT):
            yield path.relative_to(syntax.REPOSITORY), path.read_text(errors="replace")


def _found(pattern, texts):
    return [
        f"{path}:{text[: match.start()].count(chr(10)) + 1}: {match.group()}"
        for path, text in texts
        for match in pattern.finditer(text)
    ]


def _templates():
    return [
        (path.relative_to(syntax.REPOSITORY), path.read_text())
        for folder in ("templates", *syntax.PACKAGES)
        for path in syntax.files(folder, suffix=".html")
    ]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "see /" + "home/somebody/notes"),
        (LEFT_OVER, "# TO" + "DO later"),
        (INLINE, '<p style="color: red">'),
        (INLINE, "<script>alert(1)</script>"),
        (INLINE, '<button onclick="go()">'),
        (ELSEWHERE, '<script src="https://cdn.example.com/x.js">'),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern, text):
    assert pattern.search(text)


def test_no_file_names_a_path_of_somebodys_machine():
    assert _found(MACHINE_PATH, _texts()) == []


def test_nothing_is_left_to_do_in_a_comment():
    assert _found(LEFT_OVER, _texts()) == []


def test_templates_have_no_inline_script_or_style():
    assert _found(INLINE, _templates()) == []


def test_templates_load_nothing_from_other_hosts():
    assert _found(ELSEWHERE, _templates()) == []


def test_the_locks_fit_the_declared_requirements():
    assert locks.problems(syntax.REPOSITORY) == []


def test_a_lock_without_hash_or_exact_pin_is_refused():
    _, problems = locks.read_lock("django>=5\nrequests==2.34.0\n")
    assert problems == ["not an exact pin: django>=5", "requests has no hash"]


def test_a_pin_outside_its_declared_range_is_refused():
    pins, problems = locks.read_lock("django==6.0 \\\n    --hash=sha256:00\n")
    assert problems == []
    assert locks.missing_pins(["django>=5.2,<5.3", "gunicorn"], pins) == [
        "django is pinned to 6.0, outside <5.3,>=5.2",
        "gunicorn is declared and not pinned",
    ]


def test_the_example_of_settings_names_every_variable_that_is_read():
    source = syntax.tree(syntax.REPOSITORY / "sigmatrader/conf.py")
    read = {
        node.args[0].value
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).startswith("ST_")
    }
    # It says where the file is, so the file itself can't.
    read.discard("ST_ENV_FILE")
    example = (syntax.REPOSITORY / ".env.example").read_text()
    named = set(re.findall(r"^#?(ST_[A-Z_]+)=", example, re.MULTILINE))
    assert len(read) > 15
    assert named == read
