"""The tests run on data of their own, on the database that the run asks for."""

import os
import tempfile
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from tests.support.postgres import Cluster


def test_the_data_folder_is_temporary():
    assert Path(tempfile.gettempdir()) in settings.ST.DATA_DIR.parents
    assert settings.ST.ENVIRONMENT == "test"


@pytest.mark.db_backends
@pytest.mark.django_db
def test_the_database_is_the_one_that_this_run_asks_for():
    wanted = "postgresql" if os.environ.get("ST_TEST_DATABASE_URL") else "sqlite"
    assert connection.vendor == wanted
    assert "test" in str(connection.settings_dict["NAME"])


@pytest.mark.db_backends
@pytest.mark.django_db(transaction=True)
def test_threads_of_a_test_see_the_same_database():
    get_user_model().objects.create_user("somebody")
    seen = []

    def look():
        try:
            seen.append(get_user_model().objects.filter(username="somebody").count())
        finally:
            connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [1]


def test_a_new_database_of_the_cluster_is_empty_and_goes_away(postgres_cluster: Cluster):
    import psycopg

    url = postgres_cluster.create_database("passing")
    with psycopg.connect(url) as passing:
        tables = passing.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert tables == (0,)
    postgres_cluster.drop_database("passing")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
