"""What a broker shows of an account, kept as it was shown: positions, holdings, funds.

The broker is asked first, outside any transaction; then the old picture is replaced whole. A
picture counts from the moment before it was asked for, and never replaces a later one.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from brokers.errors import OutcomeUnknown
from brokers.models import AccountHolding, AccountPosition, AccountState, BrokerConnection
from brokers.port import Broker, BrokerPosition, Holding, Margins
from sigmatrader import clock
from sigmatrader.db import write_transaction

_LONGEST_NUMBER = 30


def read_positions(connection: BrokerConnection, broker: Broker) -> int:
    """Replace the account's broker positions; how many there are. Raises BrokerError."""
    asked_at = clock.now()
    found = broker.positions()
    _refuse_twins((one.exchange, one.tradingsymbol, one.product.value) for one in found)
    rows = [_position(connection, one, asked_at) for one in found]
    with write_transaction():
        state = _locked_state(connection)
        if _is_older(asked_at, state.positions_read_at):
            return len(rows)
        AccountPosition.objects.filter(connection=connection).delete()
        AccountPosition.objects.bulk_create(rows)
        state.positions_read_at = asked_at
        state.save(update_fields=["positions_read_at"])
    return len(rows)


def read_holdings(connection: BrokerConnection, broker: Broker) -> int:
    """Replace the account's holdings; how many there are. Raises BrokerError."""
    asked_at = clock.now()
    found = broker.holdings()
    _refuse_twins((one.exchange, one.tradingsymbol) for one in found)
    rows = [_holding(connection, one, asked_at) for one in found]
    with write_transaction():
        state = _locked_state(connection)
        if _is_older(asked_at, state.holdings_read_at):
            return len(rows)
        AccountHolding.objects.filter(connection=connection).delete()
        AccountHolding.objects.bulk_create(rows)
        state.holdings_read_at = asked_at
        state.save(update_fields=["holdings_read_at"])
    return len(rows)


def read_funds(connection: BrokerConnection, broker: Broker) -> Margins:
    """Keep what the account can still spend. Raises BrokerError."""
    asked_at = clock.now()
    margins = broker.margins()
    keep_funds(connection, margins, asked_at)
    return margins


def keep_funds(connection: BrokerConnection, margins: Margins, asked_at: datetime) -> None:
    """Keep `margins`, which the broker was asked for at `asked_at`."""
    with write_transaction():
        state = _locked_state(connection)
        if _is_older(asked_at, state.funds_read_at):
            return
        state.available = margins.available
        state.used = margins.used
        state.net = margins.net
        state.funds = plain_json(margins.raw)
        state.funds_read_at = asked_at
        state.save(update_fields=["available", "used", "net", "funds", "funds_read_at"])


def state_of(connection: BrokerConnection) -> AccountState:
    """The account's state row; made when there is none."""
    found = AccountState.objects.filter(connection=connection).first()
    if found is not None:
        return found
    with write_transaction():
        return AccountState.objects.get_or_create(connection=connection)[0]


def plain_json(value: Any) -> Any:
    """A broker's answer as JSON can keep it: exact numbers and times become text."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        # Written out, a number with an enormous exponent would fill the memory.
        return format(value, "f") if abs(value.adjusted()) <= _LONGEST_NUMBER else str(value)
    return value


def _locked_state(connection: BrokerConnection) -> AccountState:
    state = state_of(connection)
    return AccountState.objects.select_for_update(no_key=True).get(pk=state.pk)


def _is_older(asked_at: datetime, stored: datetime | None) -> bool:
    """A slow answer must not undo a later one. A clock that was set back is no later one."""
    return stored is not None and asked_at < stored <= clock.now()


def _refuse_twins(keys: Iterable[tuple[str, ...]]) -> None:
    """One position twice: which is right can't be known, so nothing of the answer is kept."""
    seen: set[tuple[str, ...]] = set()
    for key in keys:
        if key in seen:
            raise OutcomeUnknown(f"The broker shows {' '.join(key)} twice: try again.")
        seen.add(key)


def _position(
    connection: BrokerConnection, shown: BrokerPosition, read_at: datetime
) -> AccountPosition:
    return AccountPosition(
        connection=connection,
        exchange=shown.exchange,
        tradingsymbol=shown.tradingsymbol,
        product=shown.product.value,
        quantity=shown.quantity,
        average_price=shown.average_price,
        last_price=shown.last_price,
        multiplier=shown.multiplier,
        realised=shown.realised,
        unrealised=shown.unrealised,
        day_pnl=shown.day_pnl,
        read_at=read_at,
    )


def _holding(connection: BrokerConnection, shown: Holding, read_at: datetime) -> AccountHolding:
    return AccountHolding(
        connection=connection,
        exchange=shown.exchange,
        tradingsymbol=shown.tradingsymbol,
        quantity=shown.quantity,
        t1_quantity=shown.t1_quantity,
        used_quantity=shown.used_quantity,
        average_price=shown.average_price,
        last_price=shown.last_price,
        pnl=shown.pnl,
        read_at=read_at,
    )
