"""`make check` looks at this repository with an environment of its own."""

import sys

from scripts import check


def test_a_command_that_fails_is_reported_with_its_output(tmp_path):
    run = check._command(
        sys.executable,
        "-c",
        "print('wrong'); raise SystemExit(3)",
        env=check._environment(tmp_path, {}),
    )
    assert run() == "wrong\n"


def test_a_command_that_fails_without_a_word_is_still_reported(tmp_path):
    run = check._command(
        sys.executable, "-c", "raise SystemExit(3)", env=check._environment(tmp_path, {})
    )
    assert run() == "exit code 3"


def test_a_command_that_holds_reports_nothing(tmp_path):
    run = check._command(
        sys.executable, "-c", "print('fine')", env=check._environment(tmp_path, {})
    )
    assert run() == ""


def test_the_users_own_settings_are_not_seen(monkeypatch, tmp_path):
    monkeypatch.setenv("ST_DATABASE_URL", "postgres://trader@live/money")
    environment = check._environment(tmp_path, check.production())
    assert "ST_DATABASE_URL" not in environment
    assert environment["ST_DATA_DIR"] == str(tmp_path)
