"""The web side, killed with SIGKILL in the middle of taking an alert.

Run as `python -m tests.support.crashing_web STEP FILE`: posts the body in FILE to the webhook.
"""

import os
import sys
from pathlib import Path

STEPS = ("before the commit", "after the commit")


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "sigmatrader.settings"
    import django

    django.setup()
    from django.test import Client

    from tests.support.wrapping import before, die
    from trading.services import lifecycle
    from trading.webhooks.views import TradingViewWebhook

    step, file = sys.argv[1:]
    if step == STEPS[0]:
        before(lifecycle, "_log")  # the order's first event: inside the alert's transaction
    else:
        TradingViewWebhook.finalize_response = die
    Client(headers={"host": "localhost"}).post(
        "/webhook/tradingview", Path(file).read_bytes(), content_type="application/json"
    )


if __name__ == "__main__":
    main()
