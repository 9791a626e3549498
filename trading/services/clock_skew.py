"""Whether this machine's clock can be trusted, by the broker's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from brokers.accounts import login_of
from brokers.models import AccountState, BrokerConnection
from risk import policy

# Of a worker that reads no book any more it says nothing.
_SPEAKS_FOR: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ClockWarning:
    """A difference of `seconds` (ours less the broker's) that GLOBAL wants to be told of.

    `stops_auto`: it is so large that AUTO orders of the account wait for a person.
    """

    connection: BrokerConnection
    seconds: Decimal
    stops_auto: bool

    @property
    def size(self) -> str:
        """The difference in a word or two: "0.7 s"."""
        return f"{abs(self.seconds):.1f} s"

    @property
    def text(self) -> str:
        way = "ahead of" if self.seconds > 0 else "behind"
        waits = " AUTO orders there wait for a person." if self.stops_auto else ""
        return (
            f"This machine's clock is {self.size} {way} the broker's.{waits} "
            "Let the machine set its clock by NTP."
        )


def clock_warning(now: datetime) -> ClockWarning | None:
    """The largest difference from `clock_skew_warn` on, among the accounts that are logged in."""
    limits = policy.limits_for(None, "")[0]
    states = AccountState.objects.filter(
        connection__enabled=True, clock_skew__isnull=False, clock_skew_at__gt=now - _SPEAKS_FOR
    ).select_related("connection")
    seen = [
        (abs(state.clock_skew), state.clock_skew, state.connection)
        for state in states
        if state.clock_skew is not None and login_of(state.connection).connected
    ]
    if limits.clock_skew_warn is None or not seen:
        return None
    size, skew, connection = max(seen, key=lambda one: one[0])
    if size < limits.clock_skew_warn:
        return None
    return ClockWarning(
        connection, skew, limits.clock_skew is not None and size > limits.clock_skew
    )
