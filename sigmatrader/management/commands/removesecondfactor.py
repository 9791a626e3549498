"""manage.py removesecondfactor USER: for whoever has lost both the phone and the recovery codes."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sigmatrader import second_factor


class Command(BaseCommand):
    help = "Remove the second factor of a user: logging in takes the password alone then."
    # It must also work when the keys that open the stored secrets are lost.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the name that the user logs in with")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["user"]
        user = get_user_model()._default_manager.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name}.")
        if not second_factor.remove(user):
            self.stdout.write(f"{name} has no second factor.")
            return
        self.stdout.write(f"{name} has no second factor any more: the password alone opens.")
