#!/usr/bin/env python3
"""Django's command line for SigmaTrader."""

import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["demo"]:
        # Before the settings are read: the demo has a folder and settings of its own.
        from sigmatrader.demo import environment

        environment.enter(sys.argv[2:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sigmatrader.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"SigmaTrader can't start: {error}")


if __name__ == "__main__":
    main()
