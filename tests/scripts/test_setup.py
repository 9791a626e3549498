"""scripts/setup.sh on machines that lack one thing or another."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.syntax import REPOSITORY

TOOLS = ("sh", "dirname", "rm", "grep", "cat", "true")
NAMES = ("python3.13", "python3.12", "python3.11", "python3")


def _program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """A checkout with empty locks and a PATH with no Python in it, used by an ordinary user."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    _program(tools, "id", "echo 1000")
    checkout = tmp_path / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts/setup.sh", checkout / "scripts/setup.sh")
    for lock in ("requirements.txt", "requirements-dev.txt"):
        (checkout / lock).write_text("# nothing\n")
    return checkout


def _set_up(machine: Path, kind: str = "run", **environment: str):
    return subprocess.run(
        ["/bin/sh", "scripts/setup.sh", kind],
        cwd=machine,
        env={"PATH": str(machine.parent / "bin"), "HOME": str(machine.parent), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def _python(machine: Path, name: str, *, without: str = "nothing") -> None:
    """A working Python of that name, that can't import what `without` says."""
    _program(
        machine.parent / "bin",
        name,
        f'case "$*" in *"import {without}"*) exit 1;; esac\nexec {sys.executable} "$@"',
    )


def test_the_second_set_up_has_nothing_to_do(machine):
    # A shim without a version behind it, as version managers leave them, is passed over.
    _program(machine.parent / "bin", "python3.13", "exit 127")
    _python(machine, "python3.12")
    first = _set_up(machine, "dev")
    assert first.returncode == 0, first.stderr
    assert "Creating .venv with python3.12" in first.stdout
    assert "Installing requirements-dev.txt" in first.stdout
    for kind in ("dev", "run"):
        again = _set_up(machine, kind)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (machine / "requirements.txt").write_text("# something else\n")
    changed = _set_up(machine, "run")
    assert changed.stdout == "Installing requirements.txt ...\n"
    assert _set_up(machine, "run").stdout == ""
    assert _set_up(machine, "dev").stdout == "Installing requirements-dev.txt ...\n"


def test_a_set_up_that_was_interrupted_starts_again(machine):
    _python(machine, "python3")
    (machine / ".venv/bin").mkdir(parents=True)
    _program(machine / ".venv/bin", "python", f'exec {sys.executable} -S -I "$@"')
    done = _set_up(machine)
    assert done.returncode == 0, done.stderr
    assert "Creating .venv with python3 " in done.stdout
    assert os.access(machine / ".venv/bin/pip", os.X_OK)


def test_without_python_it_says_what_is_needed(machine):
    done = _set_up(machine)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_a_python_that_is_too_old_is_refused(machine):
    _program(machine.parent / "bin", "oldpython", "exit 0")
    done = _set_up(machine, PYTHON="oldpython")
    assert done.returncode == 1
    assert done.stderr == "PYTHON=oldpython is not a Python 3.11 or newer.\n"


def test_without_ensurepip_it_says_which_package_is_missing(machine):
    _python(machine, "python3.11", without="ensurepip")
    done = _set_up(machine)
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


def test_a_python_with_ensurepip_is_preferred(machine):
    _python(machine, "python3.12", without="ensurepip")
    _python(machine, "python3.11")
    done = _set_up(machine)
    assert done.returncode == 0, done.stderr
    assert "Creating .venv with python3.11" in done.stdout


def test_an_unknown_kind_is_refused(machine):
    assert _set_up(machine, "everything").returncode == 2
