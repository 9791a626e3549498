"""Whether requirements.txt and requirements-dev.txt fit pyproject.toml; needs no network."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

Pins = dict[str, list[Version]]

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)")


def read_lock(text: str) -> tuple[Pins, list[str]]:
    """The pins of a lock, and what is wrong with single entries of it (no exact pin, no hash)."""
    pins: Pins = {}
    problems: list[str] = []
    for entry in re.sub(r"\\\n", " ", text).splitlines():
        line = entry.strip()
        if not line or line.startswith("#"):
            continue
        match = _PIN.match(line)
        if match is None:
            problems.append(f"not an exact pin: {line[:60]}")
            continue
        name = canonicalize_name(match["name"])
        # One package may have several pins, for different Pythons or systems.
        pins.setdefault(name, []).append(Version(match["version"]))
        if "--hash=sha256:" not in line:
            problems.append(f"{name} has no hash")
    return pins, problems


def missing_pins(declared: Iterable[str], pins: Mapping[str, list[Version]]) -> list[str]:
    """Every declared requirement that no pin satisfies."""
    problems: list[str] = []
    for text in declared:
        requirement = Requirement(text)
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not versions:
            problems.append(f"{requirement.name} is declared and not pinned")
        problems += [
            f"{requirement.name} is pinned to {version}, outside {requirement.specifier}"
            for version in versions
            if not requirement.specifier.contains(version, prereleases=True)
        ]
    return problems


def problems(root: Path) -> list[str]:
    """Everything stale or unsafe in the two locks; empty when they are fine."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    runtime: list[str] = project["project"]["dependencies"]
    development: list[str] = project["dependency-groups"]["dev"]
    found: list[str] = []
    locks: dict[str, Pins] = {}
    for name, declared in (
        ("requirements.txt", runtime),
        ("requirements-dev.txt", runtime + development),
    ):
        locks[name], wrong = read_lock((root / name).read_text())
        wrong += missing_pins(declared, locks[name])
        found += [f"{name}: {problem}" for problem in wrong]
    found += [
        f"requirements-dev.txt: {name} differs from requirements.txt"
        for name, versions in locks["requirements.txt"].items()
        if locks["requirements-dev.txt"].get(name) != versions
    ]
    return found
