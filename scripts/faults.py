"""`make faults SEED=… N=…`: chance against the dispatcher, on SQLite and on PostgreSQL.

Prints a table for each and ends with 1 unless nothing was sent twice, lost or wrong.
"""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from scripts import own_django

if TYPE_CHECKING:
    from tests.support.report import Report

DATABASES = ("sqlite", "postgres")


def _tell(line: str) -> None:
    print(line, flush=True)


def _campaign(database: str, seed: int, orders: int) -> "Report":
    from tests.support import campaign
    from tests.support.postgres import temporary_cluster

    if database == "sqlite":
        return campaign.run(seed, orders, "", _tell)
    with temporary_cluster() as cluster:
        return campaign.run(seed, orders, cluster.url("postgres"), _tell)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which choices (default %(default)s)")
    parser.add_argument(
        "--orders", type=int, default=500, help="how many, on each database (default %(default)s)"
    )
    parser.add_argument("--database", choices=DATABASES, help="only this one")
    asked = parser.parse_args()
    if asked.orders < 1:
        parser.error("--orders: at least 1")
    own_django.set_up("faults")
    clean = True
    for database in [asked.database] if asked.database else DATABASES:
        started = time.monotonic()
        _tell(f"{database}, seed {asked.seed}:")
        report = _campaign(database, asked.seed, asked.orders)
        _tell(f"\n{report.table()}\nIn {time.monotonic() - started:.0f} s.\n")
        clean = clean and report.clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
