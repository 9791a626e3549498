"""`make check`: every check that needs no test run. All are run; each that fails says why."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.fernet import Fernet

from scripts import locks

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def _environment(data_dir: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's own ST_* settings, nor the .env of this folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ST_")}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "sigmatrader.settings",
        "ST_ENV_FILE": os.devnull,
        "ST_DATA_DIR": str(data_dir),
        **values,
    }


def production() -> dict[str, str]:
    """A complete and strict production environment, its secrets made up."""
    return {
        "ST_ENVIRONMENT": "production",
        "ST_SECRET_KEY": secrets.token_urlsafe(64),
        "ST_CRYPTO_KEYS": Fernet.generate_key().decode(),
        "ST_TRADINGVIEW_WEBHOOK_SECRET": secrets.token_urlsafe(32),
        "ST_ALLOWED_HOSTS": "trader.example.com",
        "ST_PUBLIC_URL": "https://trader.example.com",
        "ST_TRUSTED_PROXIES": "127.0.0.1/32",
        "ST_WEBHOOK_ALLOWED_IPS": "tradingview",
    }


def _command(*command: str | Path, env: Mapping[str, str]) -> Callable[[], str]:
    """A check that runs a command: what it returns is what went wrong, "" for nothing."""

    def run() -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout or f"exit code {done.returncode}" if done.returncode else ""

    return run


def _templates() -> list[str]:
    folders = [ROOT / "templates", *ROOT.glob("*/templates")]
    return sorted(str(path) for folder in folders for path in folder.rglob("*.html"))


def _checks(work: Path) -> list[tuple[str, Callable[[], str]]]:
    local = _environment(work / "local", {})
    strict = _environment(work / "production", production())
    manage = (sys.executable, "manage.py")
    return [
        ("ruff check", _command(BIN / "ruff", "check", "--quiet", ".", env=local)),
        ("ruff format", _command(BIN / "ruff", "format", "--check", ".", env=local)),
        ("mypy", _command(BIN / "mypy", env=local)),
        ("import contracts", _command(BIN / "lint-imports", "--no-logo", env=local)),
        (
            "deployment",
            _command(*manage, "check", "--deploy", "--fail-level", "WARNING", env=strict),
        ),
        (
            "migrations",
            _command(*manage, "makemigrations", "--check", "--dry-run", env=local),
        ),
        (
            "API schema",
            _command(
                *manage, "spectacular", "--validate", "--fail-on-warn",
                "--file", str(work / "schema.yaml"), env=local,
            ),
        ),
        (
            "templates",
            _command(
                BIN / "djade", "--target-version", "5.2", "--check", *_templates(), env=local
            ),
        ),
        ("docs", _command(sys.executable, "-m", "scripts.docs", "--check", env=local)),
        ("locks", lambda: "\n".join(locks.problems(ROOT))),
    ]  # fmt: skip


def main() -> int:
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="st-check-") as work:
        for name, check in _checks(Path(work)):
            started = time.monotonic()
            trouble = check()
            seconds = time.monotonic() - started
            print(f"{'FAILED' if trouble else 'ok':6}  {name} ({seconds:.1f} s)", flush=True)
            if trouble:
                failed.append(name)
                print(trouble.rstrip(), flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}.")
        return 1
    print("All checks hold.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
