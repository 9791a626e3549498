"""Databases with every migration applied, made once and copied: the migrations take seconds.

A copy is what a first start would find, had it migrated already. They are kept in the folder for
temporary files, under a name that changes with the migrations.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgres import Cluster

REPOSITORY = Path(__file__).resolve().parents[2]
DATABASE = "sigmatrader.sqlite3"


def _state() -> str:
    """A text that changes with the migrations, of libraries too, and with the user."""
    digest = hashlib.sha256((REPOSITORY / "requirements.txt").read_bytes())
    for path in sorted(REPOSITORY.glob("*/migrations/*.py")):
        digest.update(path.read_bytes())
    return f"{os.getuid()}-{digest.hexdigest()[:16]}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"st-ready-{_state()}"


def _migrate(data_dir: Path, database_url: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ST_")}
    own = {
        "ST_ENV_FILE": os.devnull,
        "ST_DATA_DIR": str(data_dir),
        "ST_DATABASE_URL": database_url,
        "ST_ENVIRONMENT": "test",
    }
    subprocess.run(
        [sys.executable, REPOSITORY / "manage.py", "migrate", "--verbosity", "0"],
        env={**kept, **own},
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )


def fill_sqlite(data_dir: Path) -> None:
    """Put a migrated database into an empty data folder."""
    folder = _folder()
    with _alone(folder):
        made = folder / DATABASE
        if not made.exists():
            work = Path(tempfile.mkdtemp(prefix="st-migrate-"))
            try:
                _migrate(work, "")
                shutil.copy(work / DATABASE, folder / "begun")
                (folder / "begun").rename(made)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    shutil.copy(made, data_dir / DATABASE)


def create_postgres(cluster: Cluster, name: str) -> str:
    """A new migrated database of the cluster; its URL."""
    folder = _folder()
    template = f"ready_{_state().replace('-', '_')}"
    with _alone(folder):
        if not cluster.has_database(template):
            begun = f"{template}_begun"
            cluster.drop_database(begun)
            _migrate(folder, cluster.create_database(begun))
            cluster.rename_database(begun, template)
        return cluster.create_database(name, template=template)
