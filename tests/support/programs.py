"""Finds what the tests need beside Python: a PostgreSQL server, Chromium and its driver, curl."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

# The same browser without windows: it starts and draws in half the time.
CHROMIUM_SHELL = "chromium-headless-shell"
CHROMIUM_NAMES = (
    CHROMIUM_SHELL,
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


class ProgramMissing(Exception):
    """A program that the tests need is not on this machine; the message says what to install."""


def _versions_first(path: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(path)))


def _postgres_folders() -> Iterator[Path]:
    in_path = shutil.which("postgres")
    if in_path:
        yield Path(in_path).resolve().parent
    for pattern in POSTGRES_FOLDERS:
        yield from sorted(Path("/").glob(pattern[1:]), key=_versions_first, reverse=True)


def _runs(folder: Path, user: str | None) -> bool:
    """Both programs answer, also as the user that will run them."""
    for name in ("initdb", "postgres"):
        try:
            answer = subprocess.run(
                [folder / name, "--version"],
                user=user,
                cwd="/",
                capture_output=True,
                timeout=30,
                check=False,
            )
        except OSError:
            return False
        if answer.returncode != 0:
            return False
    return True


def find_postgres(user: str | None = None) -> Path:
    """The folder of `initdb` and `postgres`, runnable by `user` (None: by this process's own)."""
    for folder in _postgres_folders():
        if _runs(folder, user):
            return folder
    raise ProgramMissing(
        "No PostgreSQL server was found in PATH or under /usr/lib/postgresql. "
        "Install one, for example: sudo apt-get install postgresql"
    )


def find_chromium() -> Path:
    """Chromium's or Chrome's executable."""
    for name in CHROMIUM_NAMES:
        found = shutil.which(name)
        if found and os.access(found, os.X_OK):
            return Path(found)
    raise ProgramMissing(
        f"No browser was found in PATH ({', '.join(CHROMIUM_NAMES)}). "
        "Install one, for example: sudo apt-get install chromium"
    )


def find_curl() -> Path:
    """curl: the first alert that `manage.py up` prints is sent with it."""
    found = shutil.which("curl")
    if found is None:
        raise ProgramMissing("curl is not in PATH. Install it: sudo apt-get install curl")
    return Path(found)


def check_browser_driver() -> None:
    """Playwright brings the program that drives a browser, but not that program's libraries."""
    program = compute_driver_executable()[0]
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ProgramMissing(
            f"The browser's driver does not run: {answer.stderr.strip()}. "
            "Install the library, for example: sudo apt-get install libatomic1"
        )
