"""Which addresses are taken, and that the library does only what it is asked for."""

import subprocess
import sys
from importlib import import_module

import pytest

from tests.support import syntax
from trading.services.notices import road
from trading.services.notices.road import REFUSED_ARGUMENTS, SERVICES, BadAddress

ROAD = syntax.REPOSITORY / "trading/services/notices/road.py"
TOKEN = "A" * 35


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        (f"tgram://123456789:{TOKEN}/12345678", "tgram"),
        ("mailtos://me:app-password@gmail.com?to=you@example.com", "mailtos"),
        ("mailtos://me:pw@example.com?smtp=smtp.example.com&to=you@example.com", "mailtos"),
        ("ntfy://a-long-random-topic", "ntfy"),
        ("ntfys://ntfy.example.com/topic", "ntfys"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack"),
        ("https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnop", "discord"),
        ("gotifys://gotify.example.com/token", "gotifys"),
        ("pover://user@token", "pover"),
        ("  jsons://example.com/path  ", "jsons"),
    ],
)
def test_the_examples_of_the_page_are_addresses(address, scheme):
    assert road.scheme_of(address) == scheme


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hello",
        "file:///etc/passwd",
        "dbus://",
        "gnome://",
        "macosx://",
        "windows://",
        "syslog://",
        "rsyslog://localhost",
        "https://example.com/hook",
        "tgram://not-a-token",
        f"tgram://123456789:{TOKEN}",
        f"tgram://123456789:{TOKEN}/?detect=yes",
        f"tgram://123456789:{TOKEN}/-/",
        "mailto://",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?%74EMPLATE=/etc/passwd",
        "mailtos://me:pw@gmail.com?pgp=sign&pgpkey=/etc/passwd",
        f"jsons://example.com/{'x' * 1000}",
    ],
)
def test_what_is_local_or_no_address_or_reads_files_is_refused(address):
    with pytest.raises(BadAddress) as caught:
        road.scheme_of(address)
    assert len(str(caught.value)) < 200


def test_a_refusal_shows_no_part_of_the_address():
    with pytest.raises(BadAddress) as caught:
        road.scheme_of("zulip://botname@myorg/secret-5678")
    assert str(caught.value) == "Zulip: The Zulip token specified (…) is invalid."


@pytest.mark.parametrize("scheme", sorted(SERVICES))
def test_every_service_of_the_list_is_one_of_the_library_by_that_scheme(scheme):
    service = SERVICES[scheme]
    plugin = getattr(import_module(f"apprise.plugins.{service.module}"), service.plugin)
    protocols = {*_each(plugin.protocol), *_each(plugin.secure_protocol)}
    assert scheme in protocols


@pytest.mark.parametrize("scheme", sorted(SERVICES))
def test_no_service_has_an_argument_for_files_or_keys_that_is_not_refused(scheme):
    service = SERVICES[scheme]
    plugin = getattr(import_module(f"apprise.plugins.{service.module}"), service.plugin)
    of_files = {
        name
        for name in plugin.template_args
        if any(part in name for part in ("template", "pgp", "pem", "cert", "file", "path", "wkd"))
    }
    assert of_files <= REFUSED_ARGUMENTS


def _each(protocol: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else (protocol or ())


def test_only_the_road_imports_apprise():
    found = [
        syntax.place(path, node)
        for path in syntax.files(*syntax.PACKAGES)
        if path != ROAD
        for node in syntax.imports_of(syntax.tree(path), "apprise")
    ]
    assert found == []


def test_apprise_is_loaded_only_when_it_is_needed_and_without_local_services():
    program = (
        "import sys\n"
        "from trading.services.notices import road\n"
        "assert 'apprise' not in sys.modules\n"
        "road.scheme_of('ntfy://topic')\n"
        "local = {'dbus', 'gnome', 'glib', 'macosx', 'windows', 'syslog', 'blink1'}\n"
        "loaded = {name.rpartition('.')[2] for name in sys.modules if 'apprise.plugins' in name}\n"
        "assert 'ntfy' in loaded and not loaded & local, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=syntax.REPOSITORY, timeout=60)
