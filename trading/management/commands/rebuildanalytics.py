"""manage.py rebuildanalytics: work out all charges and totals again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading import analytics
from trading.services import day_totals
from trading.templatetags.money import qty


class Command(BaseCommand):
    help = (
        "Work out the charges of all trades and the totals of analytics again, from fills and "
        "closed trades. Trading goes on meanwhile; running it twice does no harm."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        analytics.request_rebuild("rebuildanalytics")
        done = 0
        while worked := day_totals.work():
            done += worked
            left = analytics.current()
            if left is not None:
                self.stdout.write(f"{qty(left.done)} of {qty(left.total)} days")
        left = analytics.current()
        if left is not None and left.error:
            raise CommandError(left.error)
        self.stdout.write(f"{qty(done)} days of accounts are worked out.")
