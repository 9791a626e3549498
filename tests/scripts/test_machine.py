"""`make test` finds its programs, installs them where it may, or says what to install."""

import pytest

from scripts import machine
from tests.support import programs


@pytest.fixture(autouse=True)
def light_browser(monkeypatch):
    monkeypatch.setattr(programs, "CHROMIUM_SHELL", "sh")  # is everywhere


def test_what_is_there_is_not_installed(monkeypatch):
    installed = []
    monkeypatch.setattr(machine, "_install", lambda *packages: installed.append(packages))
    machine.provide()
    assert installed == []


def test_where_the_light_browser_can_not_be_had_another_will_do(monkeypatch):
    asked = []
    monkeypatch.setattr(programs, "CHROMIUM_SHELL", "no-such-browser")
    monkeypatch.setattr(machine, "_can_install", lambda: True)
    monkeypatch.setattr(machine, "_install", lambda _what, *packages: asked.append(packages[0]))
    machine.provide()
    assert asked == ["no-such-browser"]


@pytest.fixture
def without_chromium(monkeypatch):
    monkeypatch.setattr(programs, "CHROMIUM_NAMES", ("no-such-browser",))


def test_who_may_not_install_is_told_what_to_install(monkeypatch, without_chromium):
    monkeypatch.setattr(machine, "_can_install", lambda: False)
    with pytest.raises(programs.ProgramMissing, match="apt-get install chromium"):
        machine.provide()


def test_root_installs_what_is_missing_and_looks_again(monkeypatch, without_chromium):
    def install(what, *packages):
        assert packages[0] == "chromium"
        monkeypatch.setattr(programs, "CHROMIUM_NAMES", ("chromium", "google-chrome", "sh"))

    monkeypatch.setattr(machine, "_can_install", lambda: True)
    monkeypatch.setattr(machine, "_install", install)
    machine.provide()


def test_an_installation_that_changed_nothing_is_an_error(monkeypatch, without_chromium):
    monkeypatch.setattr(machine, "_can_install", lambda: True)
    monkeypatch.setattr(machine, "_install", lambda *_: None)
    with pytest.raises(programs.ProgramMissing):
        machine.provide()


def test_the_newest_postgresql_is_taken(monkeypatch, tmp_path):
    for version in ("9", "17", "15"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for name in ("initdb", "postgres"):
            (folder / name).write_text("#!/bin/sh\necho fine\n")
            (folder / name).chmod(0o755)
    (tmp_path / "17/bin/initdb").chmod(0o644)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "POSTGRES_FOLDERS", (f"{tmp_path}/*/bin",))
    assert programs.find_postgres() == tmp_path / "15/bin"
    monkeypatch.setattr(programs, "POSTGRES_FOLDERS", ())
    with pytest.raises(programs.ProgramMissing, match="apt-get install postgresql"):
        programs.find_postgres()


def test_a_driver_without_its_library_says_which_one(monkeypatch, tmp_path):
    driver = tmp_path / "node"
    driver.write_text("#!/bin/sh\necho 'libatomic.so.1: cannot open' >&2\nexit 127\n")
    driver.chmod(0o755)
    monkeypatch.setattr(programs, "compute_driver_executable", lambda: (str(driver), ""))
    with pytest.raises(programs.ProgramMissing, match=r"libatomic\.so\.1.*apt-get install"):
        programs.check_browser_driver()
