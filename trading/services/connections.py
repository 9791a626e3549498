"""Which account an order belongs to."""

from brokers.models import BrokerConnection
from trading.domain.values import ExecutionTarget
from trading.models import Strategy


def default_connection(target: ExecutionTarget | None = None) -> BrokerConnection | None:
    """The default account, of `target` when one is given; None when there is none.

    Without a target: the one that a person made the default, else a paper account.
    """
    usable = list(BrokerConnection.objects.filter(enabled=True).order_by("id"))
    if target is ExecutionTarget.PAPER:
        usable = [one for one in usable if one.simulated]
    elif target is ExecutionTarget.LIVE:
        usable = [one for one in usable if not one.simulated]
    for one in usable:
        if one.is_default:
            return one
    if target is None:
        usable = [one for one in usable if one.simulated]
    return usable[0] if usable else None


def connection_for(strategy: Strategy | None) -> tuple[BrokerConnection | None, str]:
    """The account for a strategy's orders, and a problem in words (empty when there is none)."""
    if strategy is None:
        found = default_connection()
        return found, "" if found else "There is no account yet: add a connection in the admin."
    if strategy.connection is not None:
        if strategy.connection.enabled:
            return strategy.connection, ""
        return strategy.connection, f"The account {strategy.connection.name} is switched off."
    target = ExecutionTarget(strategy.execution_target)
    found = default_connection(target)
    if found is not None:
        return found, ""
    return default_connection(), (
        f"{strategy.name} trades {target}, but no {target.lower()} account is connected: "
        "connect one, or set the strategy to PAPER."
        if target is ExecutionTarget.LIVE
        else f"{strategy.name} trades PAPER, but there is no paper account."
    )
