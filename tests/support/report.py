"""What a campaign did and found, as numbers and as a table."""

from collections import Counter
from dataclasses import dataclass, field

from tests.support.invariants import LOST, TWICE, WRONG, Violation


@dataclass
class Report:
    """What a campaign did, and what it found."""

    orders: int = 0
    kills: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def __add__(self, other: "Report") -> "Report":
        return Report(
            self.orders + other.orders,
            self.kills + other.kills,
            self.deeds + other.deeds,
            self.faults + other.faults,
            self.statuses + other.statuses,
            self.violations + other.violations,
        )

    def count(self, kind: str) -> int:
        return sum(1 for one in self.violations if one.kind == kind)

    @property
    def clean(self) -> bool:
        return not self.violations

    def table(self) -> str:
        """The whole report as text."""
        lines = [
            ("orders", self.orders),
            ("faults", sum(self.faults.values())),
            *((f"  {kind}", number) for kind, number in sorted(self.faults.items())),
            ("kill -9", self.kills),
            ("other deeds", sum(self.deeds.values())),
            *((f"  {kind}", number) for kind, number in sorted(self.deeds.items())),
            ("ended as", sum(self.statuses.values())),
            *((f"  {kind}", number) for kind, number in sorted(self.statuses.items())),
            *((kind, self.count(kind)) for kind in (TWICE, LOST, WRONG)),
        ]
        width = max(len(name) for name, _ in lines)
        table = [f"{name:<{width}} {number:>7}" for name, number in lines]
        return "\n".join([*table, *(str(one) for one in self.violations)])
