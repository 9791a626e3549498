"""What a new installation needs: tables, a user, its accounts, a webhook secret."""

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import call_command

ADMIN_USER = "admin"


@dataclass(frozen=True, slots=True)
class FirstRun:
    """`new_password` is set only when the user `admin` was created with a random one."""

    new_password: str
    user_created: bool


def prepare() -> FirstRun:
    """Bring the database up to date and create what is missing. Safe to run at every start."""
    call_command("migrate", interactive=False, verbosity=0)
    from brokers.accounts import ensure_paper_account
    from brokers.connections import ensure_environment_connection
    from trading.services.webhook_secrets import ensure_first_secret

    ensure_paper_account()
    ensure_environment_connection()
    ensure_first_secret()
    return _ensure_admin()


def _ensure_admin() -> FirstRun:
    users = get_user_model()
    if users.objects.exists():
        return FirstRun("", user_created=False)
    chosen = settings.ST.ADMIN_PASSWORD
    if chosen and settings.ST.ENVIRONMENT == "production":
        _check_password(chosen)
    password = chosen or secrets.token_urlsafe(12)
    users.objects.create_superuser(ADMIN_USER, password=password)
    return FirstRun("" if chosen else password, user_created=True)


def _check_password(password: str) -> None:
    try:
        validate_password(password)
    except ValidationError as error:
        raise ImproperlyConfigured(f"ST_ADMIN_PASSWORD: {' '.join(error.messages)}") from None
