"""Which account an order belongs to."""

from collections.abc import Iterable

from brokers.models import BrokerConnection, ConnectionKind
from trading.domain.values import ExecutionTarget
from trading.models import Strategy


def default_connection(target: ExecutionTarget | None = None) -> BrokerConnection | None:
    """The default account, of `target` when one is given; None when there is none.

    Without a target: the one that a person made the default, else a paper account. Of several
    accounts with money nobody but a person chooses, and a simulator never stands in for one.
    """
    usable = list(BrokerConnection.objects.filter(enabled=True).order_by("id"))
    paper = [one for one in usable if one.simulated]
    if target is ExecutionTarget.LIVE:
        return _live_default([one for one in usable if not one.simulated])
    usable = paper if target is ExecutionTarget.PAPER else usable
    chosen = next((one for one in usable if one.is_default), None)
    return chosen or next(iter(paper), None)


def _live_default(usable: list[BrokerConnection]) -> BrokerConnection | None:
    chosen = next((one for one in usable if one.is_default), None)
    if chosen is not None:
        return chosen
    real = [one for one in usable if one.kind == ConnectionKind.LIVE]
    candidates = real or usable
    return candidates[0] if len(candidates) == 1 else None


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
        f"{strategy.name} trades {target}, and no {target.lower()} account is chosen for it: "
        "set the strategy's connection, make one the default, or set the strategy to PAPER."
        if target is ExecutionTarget.LIVE
        else f"{strategy.name} trades PAPER, but there is no paper account."
    )


class Accounts:
    """`connection_for`, asked once for each strategy: for many orders at one moment."""

    def __init__(self) -> None:
        self._found: dict[int | None, tuple[BrokerConnection | None, str]] = {}

    def __call__(self, strategy: Strategy | None) -> tuple[BrokerConnection | None, str]:
        key = strategy.pk if strategy else None
        if key not in self._found:
            self._found[key] = connection_for(strategy)
        return self._found[key]


def accounts_of(strategies: Iterable[Strategy]) -> dict[int, BrokerConnection]:
    """The account of each strategy that has one, by the strategy's id.

    Strategies that leave the choice to their target share one look for it.
    """
    chosen: dict[tuple[int | None, str], BrokerConnection | None] = {}
    found = {}
    for strategy in strategies:
        key = (strategy.connection_id, strategy.execution_target)
        if key not in chosen:
            chosen[key] = connection_for(strategy)[0]
        account = chosen[key]
        if account is not None:
            found[strategy.pk] = account
    return found
