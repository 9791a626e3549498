"""An account that is halted, and goes on."""

from brokers.models import BrokerConnection
from risk import policy
from trading.domain.values import StateScope, TradingStateName
from trading.services import halting


def reason(account: BrokerConnection) -> str:
    """Why the account is halted; empty while it is not."""
    states = policy.states_for(account.pk, None)
    return " ".join(one.reason for one in states if one.state == TradingStateName.HALTED)


def resume(account: BrokerConnection) -> None:
    halting.set_state(
        TradingStateName.ACTIVE,
        StateScope.ACCOUNT,
        "looked at by a test",
        "test",
        connection_id=account.pk,
    )
