"""The paper broker keeps the promises that every broker must."""

import pytest

from tests.brokers.conformance import *  # noqa: F403

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]
