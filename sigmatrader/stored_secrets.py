"""Every column that holds an encrypted secret, and how they all get the newest key."""

from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.db.models import Model

from sigmatrader import crypto
from sigmatrader.crypto import CryptoError
from sigmatrader.db import write_transaction


@dataclass(frozen=True, slots=True)
class Column:
    """`name`: what people call what is stored there."""

    name: str
    model: str
    field: str

    @property
    def rows(self) -> Any:
        """(primary key, encrypted value) of every row that has a value."""
        model: type[Model] = apps.get_model(self.model)
        return model._default_manager.exclude(**{self.field: ""}).values_list("pk", self.field)


COLUMNS: Final = (
    Column("webhook secrets", "trading.WebhookSecret", "secret_encrypted"),
    Column("API secrets", "brokers.BrokerConnection", "api_secret_encrypted"),
    Column("access tokens", "brokers.BrokerConnection", "access_token_encrypted"),
    Column("addresses of notice channels", "trading.NoticeChannel", "address_encrypted"),
    Column("keys of second factors", "sigmatrader.TotpDevice", "key_encrypted"),
)


def unreadable() -> str:
    """The first column with a value that no key of ST_CRYPTO_KEYS opens; "" when all open."""
    for column in COLUMNS:
        for _, stored in column.rows:
            try:
                crypto.decrypt(stored)
            except CryptoError:
                return column.name
    return ""


def rotate_all() -> dict[str, int]:
    """Encrypt every stored secret with the newest key: how many, by name. All, or none.

    Raises CryptoError naming the one that no key opens.
    """
    counts: dict[str, int] = {}
    with write_transaction():
        for column in COLUMNS:
            model: type[Model] = apps.get_model(column.model)
            counts[column.name] = 0
            for pk, stored in list(column.rows.select_for_update()):
                try:
                    renewed = crypto.rotate(stored)
                except CryptoError as error:
                    raise CryptoError(f"{column.name}, row {pk}: {error}") from None
                model._default_manager.filter(pk=pk).update(**{column.field: renewed})
                counts[column.name] += 1
    return counts
