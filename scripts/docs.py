"""`python -m scripts.docs` rewrites the generated parts of docs/; `--check` only looks at them.

A part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->` and comes from the
code alone, so that the page can't say anything else than the program does.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python -m scripts.docs"

Parts = Mapping[str, Callable[[], str]]

_PART = re.compile(
    r"(<!-- generated: (?P<name>[a-z-]+) -->).*?(<!-- end of (?P=name) -->)", re.DOTALL
)


def _tables() -> str:
    from scripts import schema

    return schema.tables()


def statuses() -> str:
    """The transition table with what each status means."""
    from scripts.schema import row
    from trading.domain.order import TRANSITIONS, Status

    lines = [row("status", "meaning", "may become"), row("---", "---", "---")]
    for status in (None, *Status):
        targets = ", ".join(one for one in Status if one in TRANSITIONS[status]) or "–"
        name = f"`{status}`" if status else "(new)"
        lines.append(row(name, _MEANINGS[status or ""], targets))
    return "\n".join(lines)


_MEANINGS = {
    "": "The first event of an order's log.",
    "WAITING": "In the queue. A person decides.",
    "QUEUED": "To be sent. A worker will claim it.",
    "SENDING": "Claimed by one worker, the attempt is committed. The call may be on the wire.",
    "UNKNOWN": "The broker may or may not have it. It is looked up, never sent again.",
    "SENT": "The broker has it and gave an id.",
    "PARTIALLY_EXECUTED": "Some of it is filled, the rest works.",
    "CANCEL_PENDING": "A cancel was asked of the broker. It may still fill.",
    "CANCELLED": "Cancelled before it was sent, or confirmed by the broker.",
    "EXPIRED": "Its time was over: nobody decided, it could not be sent in time, or its day ended.",
    "FAILED": "Certainly not placed: refused in the answer, or proven absent from the book.",
    "EXECUTED": "Filled.",
    "REJECTED": "Refused by broker or exchange after it had an id.",
    "REJECTED_RISK": "Denied by our own risk rules. It never left.",
}


def rules() -> str:
    """Every risk rule in the order in which it is judged."""
    from risk.engine.rules import RULES, HardRule
    from scripts.schema import row

    lines = [
        row("code", "setting", "unit", "new installation", "what it says", "marks"),
        row("---", "---", "---", "---", "---", "---"),
    ]
    for rule in RULES:
        hard = isinstance(rule, HardRule)
        setting = "–" if rule.setting == "hard" else f"`{rule.setting}`"
        default = _SET_ELSEWHERE.get(rule.setting, "always on") if hard else _fresh(rule.setting)
        marks = [_SPARES_EXITS] if rule.spares_exits else []
        marks += ["clamps"] if rule.cuts else []
        marks += ["live only"] if not isinstance(rule, HardRule) and rule.live_only else []
        text = " ".join(rule.description.split())
        lines.append(
            row(f"`{rule.code}`", setting, rule.unit or "–", default, text, ", ".join(marks) or "–")
        )
    return "\n".join(lines)


def gates() -> str:
    """Every gate: a temporary condition under which nothing is sent."""
    from risk.engine.gates import GATES
    from scripts.schema import row

    lines = [
        row(
            "code", "setting", "unit", "new installation", "what closes it, what opens it", "holds"
        ),
        row("---", "---", "---", "---", "---", "---"),
    ]
    for gate in GATES:
        settings = ", ".join(f"`{one}`" for one in gate.settings) or "–"
        default = ", ".join(_fresh(one) for one in gate.settings) or "always on"
        holds = ["AUTO"] if gate.auto_only else ["all"]
        holds += ["live only"] if gate.live_only else []
        holds += [_SPARES_EXITS] if gate.spares_exits else []
        text = " ".join(gate.description.split())
        lines.append(
            row(f"`{gate.code}`", settings, gate.unit or "–", default, text, ", ".join(holds))
        )
    return "\n".join(lines)


_SPARES_EXITS = "↘"
_SET_ELSEWHERE = {
    "off_hours": "of the strategy: AMO",
    "no_new_entries_at": "of the product: off",
    "orders_per_day": "of the account: 4000",
}


def _fresh(setting: str) -> str:
    """What a setting is on a new installation."""
    from risk.engine.limits import FRESH

    if setting in ("allow_short_selling", "naked_option_sell"):
        return "allowed"
    value = FRESH.get(setting)
    return "off" if value is None else "on" if value is True else str(value)


PAGES: Mapping[str, Parts] = {
    "docs/order-lifecycle.md": {"statuses": statuses},
    "docs/risk-controls.md": {"rules": rules, "gates": gates},
    "docs/schema.md": {"tables": _tables},
}


def rewritten(text: str, parts: Parts) -> str:
    """`text` with every generated part made anew. Raises ValueError when one has no place in it."""
    places = {match["name"] for match in _PART.finditer(text)}
    if places != set(parts):
        wrong = ", ".join(sorted(places ^ set(parts)))
        raise ValueError(f"the markers and the generator differ about: {wrong}")
    return _PART.sub(lambda at: f"{at[1]}\n\n{parts[at['name']]()}\n\n{at[3]}", text)


def stale(root: Path = ROOT) -> dict[Path, str]:
    """The pages that differ from what the code says, with the text that they should have."""
    found: dict[Path, str] = {}
    for name, parts in PAGES.items():
        path = root / name
        text = path.read_text()
        fresh = rewritten(text, parts)
        if fresh != text:
            found[path] = fresh
    return found


def _set_up_django(data_dir: str) -> None:
    """Nothing of the caller's settings or data is read or touched."""
    for name in [name for name in os.environ if name.startswith("ST_")]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "sigmatrader.settings",
        "ST_DATA_DIR": data_dir,
        "ST_ENV_FILE": os.devnull,
    }
    django.setup()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when stale")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="st-docs-") as data_dir:
        _set_up_django(data_dir)
        found = stale()
    for path, text in found.items():
        name = path.relative_to(ROOT)
        if options.check:
            print(f"{name} is stale: run {COMMAND}.")
        else:
            path.write_text(text)
            print(f"{name} is rewritten.")
    return 1 if options.check and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
