"""The handbook inside the app: every page, every link, every code."""

import re

import pytest
from django.urls import reverse

from risk.engine.denials import Code
from trading.web import handbook

pytestmark = pytest.mark.django_db

HREF = re.compile(r'(?:href|src)="(?P<target>[^"]*)"')


def _html(slug: str) -> str:
    return handbook.page(slug).html


def test_the_contents_name_every_page_but_the_decisions():
    named = [entry.slug for _, entries in handbook.contents() for entry in entries]
    assert len(named) == len(set(named))
    assert set(named) == {slug for slug in handbook.slugs() if "/" not in slug}


@pytest.mark.parametrize("slug", sorted(handbook.slugs()))
def test_every_page_opens_and_its_links_lead_somewhere(admin_client, slug):
    response = admin_client.get(reverse("help_page", args=[slug]))
    assert response.status_code == 200
    assert 'class="panel prose"' in response.content.decode()
    for match in HREF.finditer(_html(slug)):
        path, _, anchor = match["target"].partition("#")
        if path.startswith("http"):
            continue
        linked = slug
        if path:
            assert not path.endswith(".md"), path
            assert admin_client.get(path).status_code == 200, path
            linked = path.removeprefix("/help/").rstrip("/")
        if anchor:
            assert f'id="{anchor}"' in _html(linked), match["target"]


def test_raw_html_of_a_page_is_shown_as_text(monkeypatch, tmp_path):
    (tmp_path / "bad.md").write_text("# Bad\n\n<script>alert(1)</script>\n")
    monkeypatch.setattr(handbook, "folder", lambda: tmp_path)
    monkeypatch.setattr(handbook, "slugs", lambda: frozenset({"bad"}))
    handbook.page.cache_clear()
    try:
        assert "<script>" not in _html("bad")
        assert "&lt;script&gt;" in _html("bad")
    finally:
        handbook.page.cache_clear()


@pytest.mark.parametrize("code", list(Code))
def test_every_code_of_risk_leads_to_its_explanation(code):
    url = handbook.fix_url(code)
    assert url.endswith(f"#code-{code}")
    assert f'id="code-{code}"' in _html(url.removeprefix("/help/").partition("/#")[0])


@pytest.mark.parametrize("code", ["invalid_secret", "placeholder_not_expanded", "invalid_payload"])
def test_codes_of_the_webhook_lead_to_their_fix(code):
    assert handbook.fix_url(code) == f"/help/webhook/#code-{code}"


def test_a_code_that_no_page_knows_leads_nowhere():
    assert handbook.fix_url("no_such_code") == ""


@pytest.mark.parametrize("slug", ["nothing", "../README", "decisions", "webhook.md", "a\x00b"])
def test_what_is_no_page_is_not_found(admin_client, slug):
    assert admin_client.get(f"/help/{slug}/").status_code == 404


@pytest.mark.parametrize("name", ["nothing.png", "../webhook.md", "..%2fwebhook.md"])
def test_only_pictures_of_the_handbook_are_served(admin_client, name):
    assert admin_client.get(f"/help/img/{name}", follow=True).status_code == 404


def test_pictures_are_served(admin_client):
    response = admin_client.get("/help/img/queue.png")
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    response.close()


def test_a_search_finds_sections_by_every_word_headings_first(admin_client):
    found = handbook.find("daily loss")
    assert found
    page = admin_client.get("/help/", {"q": "MAX_DAILY_LOSS"}).content.decode()
    assert "/help/risk-controls/#" in page
    none = admin_client.get("/help/", {"q": "xyzzy"}).content.decode()
    assert "No section has all of these words" in none


def test_a_page_of_the_desk_leads_to_its_own_help(admin_client):
    assert 'href="/help/risk-controls/"' in admin_client.get("/risk/").content.decode()
    assert 'href="/help/pages/"' in admin_client.get("/").content.decode()
    assert 'href="/help/"' in admin_client.get("/nowhere/").content.decode()


def test_the_help_is_behind_the_login(client):
    response = client.get("/help/")
    assert (response.status_code, response["Location"].split("?")[0]) == (302, "/accounts/login/")
