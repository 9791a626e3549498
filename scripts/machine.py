"""What `make test` needs beside Python: found on this machine, else installed when that may be.

Installing is done only by root and only with apt-get; anyone else is told what to install.
"""

import os
import shutil
import subprocess

from tests.support import postgres, programs

_APT = ["apt-get", "-y", "-qq", "-o", "DPkg::Lock::Timeout=300"]
_APT_SECONDS = 900


def _install(what: str, *packages: str) -> None:
    print(f"Installing {what} ({', '.join(packages)}) ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--no-install-recommends", *packages]):
        done = subprocess.run(
            [*_APT, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_APT_SECONDS,
            check=False,
        )
        # Old package lists may still do: only the installation itself must succeed.
        if done.returncode != 0 and command[0] == "install":
            print(done.stdout)


def _can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _have_postgres() -> None:
    programs.find_postgres(postgres.server_user())


def _have_light_browser() -> None:
    """The browser tests need a third less time with it; where it can't be had they take another."""
    if _can_install() and shutil.which(programs.CHROMIUM_SHELL) is None:
        _install("Chromium without windows", programs.CHROMIUM_SHELL, "fonts-dejavu-core")


def provide() -> None:
    """Return when everything is there; else raises ProgramMissing."""
    _have_light_browser()
    needs = (
        (_have_postgres, "a PostgreSQL server", ("postgresql",)),
        (programs.find_chromium, "Chromium", ("chromium", "fonts-dejavu-core")),
        (programs.find_curl, "curl", ("curl",)),
        (programs.check_browser_driver, "the browser driver's library", ("libatomic1",)),
    )
    for look, what, packages in needs:
        try:
            look()
        except programs.ProgramMissing:
            if not _can_install():
                raise
            _install(what, *packages)
            look()
