"""Django for the tests: settings of their own, never the user's data, .env or accounts.

Every process of the suite has its own data folder. The database is a SQLite file in it (threads
of a test share it), or the PostgreSQL of ST_TEST_DATABASE_URL.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import hypothesis
import pytest
from django.conf import settings

if settings.configured:
    raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests choose their own settings.")

_DATA_DIR = Path(tempfile.mkdtemp(prefix="st-test-"))
# Also when pytest stops before it has begun.
atexit.register(shutil.rmtree, _DATA_DIR, ignore_errors=True)
_DATABASE_URL = os.environ.get("ST_TEST_DATABASE_URL", "")


def _prepare_environment() -> None:
    for name in list(os.environ):
        if name.startswith("ST_") and not name.startswith("ST_TEST_"):
            del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "sigmatrader.settings",
        "ST_ENV_FILE": os.devnull,
        "ST_ENVIRONMENT": "test",
        "ST_DATA_DIR": str(_DATA_DIR),
        "ST_DATABASE_URL": _DATABASE_URL,
        # Simulators of tests are asked as fast as one likes.
        "ST_BROKER_READS_PER_SECOND": "0",
    }


_prepare_environment()
# A slow hash is right for people's passwords and wasted on the tests' own.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
django.setup()
# pytest's own worker processes inherit the environment and would load settings before this file.
del os.environ["DJANGO_SETTINGS_MODULE"]

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.server",
    "tests.support.browser",
    "tests.support.books",
]

hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_unconfigure() -> None:
    shutil.rmtree(_DATA_DIR, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The test database is there already, migrated: see `django_db_modify_db_settings`."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """The test database is a copy of one that is migrated: each process would take seconds.

    SQLite's is a file, so that threads and processes can share it. On PostgreSQL a test may have
    more threads than the web server of one process ever has.
    """
    # Not above: pytest rewrites the assertions of its plugins as it imports them.
    from tests.support import ready
    from tests.support.postgres import Cluster

    del django_db_modify_db_settings
    default: dict[str, Any] = settings.DATABASES["default"]
    test = default.setdefault("TEST", {})
    if default["ENGINE"].endswith("sqlite3"):
        ready.fill_sqlite(_DATA_DIR)
        test["NAME"] = str((_DATA_DIR / ready.DATABASE).rename(_DATA_DIR / "test.sqlite3"))
        yield
        return
    default["OPTIONS"]["pool"]["max_size"] = 64
    cluster = Cluster(_DATABASE_URL)
    name = test.get("NAME") or f"test_{default['NAME']}"
    cluster.drop_database(name)
    ready.create_postgres(cluster, name)
    yield
    cluster.drop_database(name)


@pytest.fixture
def contract_rules(db: None) -> None:
    """The rules that come with an installation: a test that empties the tables takes them along."""
    from importlib import import_module

    from django.apps import apps

    import_module("trading.migrations.0003_contract_rules").seed(apps, None)


@pytest.fixture
def market_calendar(db: None) -> None:
    """The days and hours that come with an installation, for a test after one that emptied them."""
    from importlib import import_module

    from django.apps import apps

    from trading.services import calendar

    import_module("trading.migrations.0005_market_calendar").seed(apps, None)
    calendar.forget()


@pytest.fixture
def charge_rates(db: None) -> None:
    """The schedule of charges that comes with an installation, after a test that emptied it."""
    from importlib import import_module

    from django.apps import apps

    import_module("trading.migrations.0009_performance").seed(apps, None)
    import_module("trading.migrations.0012_contract_notes").correct(apps, None)


@pytest.fixture(autouse=True)
def _calendar_of_this_test() -> None:
    """What an earlier test made of the calendar is gone with its rows."""
    from trading.services import calendar

    calendar.forget()


_SLOW = ("faults", "acceptance", "browser")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that start processes and browsers go first, whatever the random order was."""

    def rank(item: pytest.Item) -> int:
        return next((place for place, name in enumerate(_SLOW) if name in item.path.parts), 9)

    items.sort(key=rank)
