"""Django for a script, on a data folder of its own."""

import atexit
import os
import shutil
import tempfile

import django


def set_up(name: str) -> None:
    """Whatever this machine's settings say. The folder goes when the process ends."""
    folder = tempfile.mkdtemp(prefix=f"st-{name}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for variable in list(os.environ):
        if variable.startswith("ST_") and not variable.startswith("ST_TEST_"):
            del os.environ[variable]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "sigmatrader.settings",
        "ST_ENV_FILE": os.devnull,
        "ST_ENVIRONMENT": "test",
        "ST_DATA_DIR": folder,
    }
    django.setup()
