"""manage.py whatif: past alerts under the limits in force, and under others."""

from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from risk.settings_values import LISTS, SWITCHES
from risk.windows import parse_windows
from trading.domain.session import IST
from trading.models import Strategy
from trading.services import whatif
from trading.services.errors import ServiceError
from trading.services.whatif import Candidate, WhatIf
from trading.services.whatif_csv import COLUMNS
from trading.services.whatif_replay import STOPS, Judgement, Outcome, Row, Tally, Walk
from trading.templatetags.money import pnl

_SHOWN = (Outcome.PASS, *STOPS)
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Command(BaseCommand):
    help = (
        "Show what would have become of past alerts under the limits in force and under others. "
        "Nothing is sent and nothing is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=whatif.USUAL_DAYS,
            help=f"alerts of so many days, today included (default {whatif.USUAL_DAYS})",
        )
        parser.add_argument("--csv", help=f"a file of alerts instead: {','.join(COLUMNS)}")
        parser.add_argument(
            "--set",
            action="append",
            nargs="+",
            default=[],
            metavar="NAME=VALUE",
            help="a limit to try, such as max_quantity_per_order=50; no value is off",
        )
        parser.add_argument("--strategy", help="whose limits to try (default: GLOBAL)")

    def handle(self, *args: Any, **options: Any) -> None:
        pairs = [pair for some in options["set"] for pair in some]
        try:
            found = _found(options, _candidate(pairs, options["strategy"]))
        except ServiceError as error:
            texts = [
                f"{name}: {text}" if name not in ("csv", "") else text
                for name, texts in error.errors.items()
                for text in texts
            ]
            raise CommandError("\n".join(texts) or error.message) from None
        for line in _lines(found):
            self.stdout.write(line)


def _found(options: dict[str, Any], candidate: Candidate | None) -> WhatIf:
    if options["csv"] is None:
        return whatif.of_stored(options["days"], candidate, patience=None)
    path = Path(options["csv"])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error}") from None
    return whatif.of_file(content, candidate, patience=None)


def _candidate(pairs: Sequence[str], strategy: str | None) -> Candidate | None:
    chosen = None
    if strategy is not None:
        chosen = Strategy.objects.filter(name=strategy).first()
        if chosen is None:
            known = ", ".join(Strategy.objects.values_list("name", flat=True))
            raise CommandError(f"There is no strategy {strategy}. Known: {known or '(none)'}.")
        if not pairs:
            raise CommandError("--strategy says whose limits are tried: add --set name=value.")
    if not pairs:
        return None
    settings = dict(_setting(pair) for pair in pairs)
    return Candidate(
        settings=whatif.settings_from_json(settings), strategy_id=chosen.pk if chosen else None
    )


def _setting(pair: str) -> tuple[str, Any]:
    """A setting as JSON would have it."""
    name, equals, text = pair.partition("=")
    if not equals:
        raise CommandError(f"--set {pair}: write it as name=value, such as max_open_positions=5.")
    if name == "no_trade_windows":
        return name, _windows(text)
    if name in LISTS:
        return name, [entry for entry in text.split(",") if entry.strip()]
    if name in SWITCHES:
        return name, _SWITCH.get(text.strip().lower(), text)
    return name, text.strip() or None


def _windows(text: str) -> list[dict[str, Any]]:
    try:
        return parse_windows(text.replace(";", "\n"))
    except ValidationError as error:
        raise CommandError(f"no_trade_windows: {' '.join(error.messages)}") from None


# -- text ----------------------------------------------------------------------------------------


def _lines(found: WhatIf) -> Iterable[str]:
    report = found.report
    for one in found.differences:
        yield f"Tried in {found.label}: {one.label} {one.new_text} (in force: {one.old_text})"
    if found.left_out:
        yield f"At most {whatif.MOST_ALERTS} alerts: {found.left_out} older ones are left out."
    if found.not_replayed:
        yield f"Not judged here: {', '.join(found.not_replayed)}."
    yield ""
    yield from _table(
        ["time", "strategy", "order", "now", *(["tried"] if report.tried else []), "why"],
        [_row(row) for row in report.rows if row.stopped or row.differs],
    )
    yield ""
    heads = ["limits", *(word.value for word in _SHOWN), "P&L"]
    sides = [("in force", report.now), *([("tried", report.tried)] if report.tried else [])]
    yield from _table(heads, [[name, *_sums(walk.total)] for name, walk in sides])
    yield ""
    yield from _table(
        ["rule", "scope", "limits", *(word.value for word in STOPS)],
        [line for name, walk in sides for line in _rules(name, walk)],
    )
    yield ""
    yield from whatif.ASSUMPTIONS


def _row(row: Row) -> list[str]:
    intent = row.order.intent
    sides = [row.now, *([row.tried] if row.tried else [])]
    texts = dict.fromkeys(reason.text for side in sides for reason in side.reasons)
    return [
        f"{row.order.at.astimezone(IST):%Y-%m-%d %H:%M:%S}",
        intent.strategy_name or "-",
        f"{intent.side} {row.now.asked} {intent.symbol}",
        *(_word(side) for side in sides),
        " ".join(texts),
    ]


def _word(one: Judgement) -> str:
    return f"CLAMP {one.quantity}" if one.outcome is Outcome.CLAMP else one.outcome.value


def _sums(tally: Tally) -> list[str]:
    return [*(str(tally.count(word)) for word in _SHOWN), pnl(tally.pnl)]


def _rules(name: str, walk: Walk) -> list[list[str]]:
    return [
        [code, scope or "gate", name, *(str(counts[word]) for word in STOPS)]
        for (code, scope, _), counts in sorted(walk.by_rule.items())
    ]


def _table(heads: list[str], rows: list[list[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for cells in [heads, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        yield line.rstrip()
