"""Everything that stops AUTO orders at this moment, each with its way back.

Breakers that have opened are rows. What the account itself says needs none: a dark order book,
positions that differ, a clock that is off, a market that has gone silent. These close when the
facts do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from brokers.accounts import session_of
from brokers.models import AccountPosition, AccountState, BrokerConnection, PriceSource, PriceTick
from risk import policy
from risk.engine.denials import Code
from risk.engine.limits import Limits
from trading.domain.session import current_session
from trading.domain.values import StateScope
from trading.selectors import position_differences
from trading.services import breakers, calendar
from trading.services.account_rows import stale_book
from trading.templatetags.money import qty

_SKEW_KNOWN_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Alarm:
    """What stops AUTO orders of an account or of a strategy. `label` names it for people.

    `resumes`: whose resuming closes it, as the form of the trading state writes it
    ("ACCOUNT:1"); empty when it closes by itself.
    """

    code: Code
    connection_id: int | None
    strategy_id: int | None
    label: str
    since: datetime
    reason: str
    way_back: str
    resumes: str = ""


def current_breakers(now: datetime) -> list[Alarm]:
    """What is open now: breakers first, the newest of them first."""
    opened = [
        Alarm(
            code=Code[one.code],
            connection_id=one.connection_id,
            strategy_id=one.strategy_id,
            label=f"account {one.connection}" if one.connection else f"strategy {one.strategy}",
            since=one.since,
            reason=one.reason,
            way_back=breakers.way_back(one),
            resumes=f"{StateScope.ACCOUNT}:{one.connection_id}"
            if one.connection
            else f"{StateScope.STRATEGY}:{one.strategy_id}",
        )
        for one in breakers.open_breakers()
    ]
    limits = policy.limits_for(None, "")[0]
    for account in BrokerConnection.objects.order_by("id"):
        if not account.simulated and session_of(account).connected:
            opened.extend(_of_facts(account, limits, now))
    return opened


def _of_facts(account: BrokerConnection, limits: Limits, now: datetime) -> Iterator[Alarm]:
    state = AccountState.objects.filter(connection=account).first()
    if state is None:
        return

    def alarm(code: Code, since: datetime, reason: str, way_back: str) -> Alarm:
        return Alarm(code, account.pk, None, f"account {account}", since, reason, way_back)

    if state.book_read_at is not None and (text := stale_book(account, state, now)):
        back = "It closes when the order book is read again."
        yield alarm(Code.RECONCILIATION_GATE, state.book_read_at, f"{text.rstrip('.')}.", back)
    if state.positions_read_at is not None and (different := position_differences(account)):
        names = ", ".join(sorted({f"{one.symbol} {one.product}" for one in different}))
        back = "It closes when ours and the broker's agree: see the positions page."
        text = f"Positions differ from the broker's in {names}."
        yield alarm(Code.RECONCILIATION_GATE, state.positions_read_at, text, back)
    if (skewed := _skew(state, limits, now)) is not None:
        back = "It closes when this machine's clock is right."
        yield alarm(Code.CLOCK_SKEW, skewed, _skew_text(state, limits), back)
    if (silent := _silent_since(account, state, limits, now)) is not None:
        seconds = qty(int((now - silent).total_seconds()))
        text = f"The market has told no price for {seconds} s; stale_reference is "
        text += f"{limits.stale_reference} s in {limits.label}."
        yield alarm(Code.STALE_REFERENCE, silent, text, "It closes with the next price.")


def _skew(state: AccountState, limits: Limits, now: datetime) -> datetime | None:
    """Since when the clock is known to be off; None when it is not, or nobody has looked lately."""
    at, skew = state.clock_skew_at, state.clock_skew
    if at is None or skew is None or limits.clock_skew is None or now - at > _SKEW_KNOWN_FOR:
        return None
    return at if abs(skew) > limits.clock_skew else None


def _skew_text(state: AccountState, limits: Limits) -> str:
    skew = state.clock_skew or 0
    way = "ahead of" if skew > 0 else "behind"
    return (
        f"This machine's clock is {abs(skew).normalize():f} s {way} the broker's; "
        f"clock_skew is {limits.clock_skew} s in {limits.label}."
    )


def _silent_since(
    account: BrokerConnection, state: AccountState, limits: Limits, now: datetime
) -> datetime | None:
    """Since when no price has come although something is open in a market that trades."""
    if limits.stale_reference is None or not state.has_market_data:
        return None
    held = AccountPosition.objects.filter(connection=account).exclude(quantity=0)
    exchanges = set(held.values_list("exchange", flat=True))
    trading = [current_session(one, now, calendar.current()) for one in exchanges]
    opened = [one.opens_at for one in trading if one is not None]
    if not opened:
        return None
    newest = PriceTick.objects.exclude(source=PriceSource.ALERT).order_by("-id").first()
    last = max(newest.at, min(opened)) if newest else min(opened)
    return last if now - last > timedelta(seconds=limits.stale_reference) else None
