"""manage.py rotatekeys: stored secrets get the newest key, so that the old one can go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sigmatrader import stored_secrets
from sigmatrader.crypto import CryptoError


class Command(BaseCommand):
    help = "Encrypt every stored secret with the newest key of ST_CRYPTO_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = stored_secrets.rotate_all()
        except CryptoError as error:
            raise CommandError(
                f"Nothing was changed. {error} Put the key that is missing behind the new one."
            ) from None
        for name, count in counts.items():
            self.stdout.write(f"{count:>5} {name}")
        self.stdout.write(
            f"{sum(counts.values())} stored secrets have the newest key. Older keys can be taken "
            "out of ST_CRYPTO_KEYS once every backup that needs them is gone."
        )
