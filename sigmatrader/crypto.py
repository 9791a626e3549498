"""Encryption of secrets at rest: Fernet keys of ST_CRYPTO_KEYS, newest first."""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CryptoError(Exception):
    """A stored secret can't be read with the keys in ST_CRYPTO_KEYS."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise CryptoError("ST_CRYPTO_KEYS is empty: set at least one Fernet key.")
    try:
        return MultiFernet([Fernet(key.encode()) for key in keys])
    except ValueError as error:
        raise CryptoError("ST_CRYPTO_KEYS holds a value that is not a Fernet key.") from error


def _current() -> MultiFernet:
    return _cipher(tuple(settings.ST.CRYPTO_KEYS))


def encrypt(text: str) -> str:
    """The encrypted form of `text`, safe to store."""
    return _current().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text behind `token`; raises CryptoError when no configured key opens it."""
    try:
        return _current().decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise CryptoError(
            "A stored secret can't be decrypted: ST_CRYPTO_KEYS lacks the key it was made with."
        ) from error


def rotate(token: str) -> str:
    """`token` again, encrypted with the newest key."""
    try:
        return _current().rotate(token.encode()).decode()
    except InvalidToken as error:
        raise CryptoError("A stored secret can't be decrypted with ST_CRYPTO_KEYS.") from error
