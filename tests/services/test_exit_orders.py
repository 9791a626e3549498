"""Exits by a person: how they are sized, what refuses them, and one press that stays one."""

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from brokers.accounts import ensure_paper_account
from brokers.models import AccountHolding, AccountState, BrokerConnection
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from tests.support.positions import able_account, listed, ours, theirs, working
from trading.domain.order import Status
from trading.models import ContractRule, Fill, Order, Position, Strategy
from trading.services import exits, halting, lifecycle
from trading.services.claim import claim_next
from trading.services.dispatch import send
from trading.services.errors import Conflict, InvalidChange, NotExecutable

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("contract_rules"),
]


@pytest.fixture
def paper() -> BrokerConnection:
    return ensure_paper_account()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> BrokerConnection:
    return able_account(monkeypatch)


def close(account: BrokerConnection, quantity: int | None = None, **fields: Any) -> Order:
    values = {"exchange": "NSE", "tradingsymbol": "INFY", "product": "MIS", "actor": "asha"}
    return exits.exit_position(account, quantity=quantity, **values | fields)


def run_all() -> None:
    while (claim := claim_next("here:1:1")) is not None:
        send(claim)


def opened(strategy: Strategy | None = None, qty: int = 6) -> None:
    """A position of the paper account, opened by a filled order."""
    make_order(Status.QUEUED, qty=qty, strategy=strategy)
    run_all()


# -- how an exit is sized -------------------------------------------------------------------------


@pytest.mark.parametrize(("held", "side"), [(40, "SELL"), (-40, "BUY")])
def test_an_exit_closes_the_whole_position_on_the_other_side(
    paper: BrokerConnection, held: int, side: str
) -> None:
    ours(paper, held)
    order = close(paper)
    assert (order.side, order.qty, order.requested_qty) == (side, 40, 40)
    assert (order.order_type, order.price, order.product) == ("MARKET", None, "MIS")
    assert (order.status, order.mode, order.origin) == ("QUEUED", "MANUAL", "PERSON")
    assert order.reduce_only
    assert order.simulated
    assert (order.symbol, order.strategy, order.warnings) == ("NSE:INFY", None, [])
    assert order.events.get().actor == "asha"


def test_a_paper_exit_brings_the_position_to_flat(paper: BrokerConnection) -> None:
    opened(qty=6)
    order = close(paper)
    run_all()
    order.refresh_from_db()
    assert order.status == "EXECUTED"
    assert Position.objects.get().qty == 0


def test_a_smaller_quantity_leaves_the_rest_open(paper: BrokerConnection) -> None:
    opened(qty=6)
    close(paper, 4)
    run_all()
    assert Position.objects.get().qty == 2


def test_a_live_exit_has_a_time_to_live_and_a_paper_one_has_none(
    paper: BrokerConnection, live: BrokerConnection
) -> None:
    ours(paper, 5)
    ours(live, 5)
    assert close(paper).expires_at is None
    left = (close(live).expires_at or clock.now()) - clock.now()
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


def test_a_live_exit_goes_by_the_brokers_own_position(live: BrokerConnection) -> None:
    ours(live, 10)
    theirs(live, 25)
    order = close(live)
    assert order.qty == 25
    assert order.warnings == ["Our fills say 10, the broker 25: this exit goes by the broker."]


def test_a_live_exit_goes_by_our_fills_until_the_broker_was_read(live: BrokerConnection) -> None:
    ours(live, 10)
    assert close(live).qty == 10


def test_what_the_broker_does_not_show_any_more_is_not_exited(live: BrokerConnection) -> None:
    ours(live, 10)
    AccountState.objects.create(connection=live, positions_read_at=clock.now())
    with pytest.raises(NotExecutable, match="Nothing is open") as caught:
        close(live)
    assert caught.value.code == "nothing_open"


def test_fills_since_the_broker_was_read_count(live: BrokerConnection) -> None:
    theirs(live, 10, read_at=clock.now() - timedelta(seconds=30))
    order = working(live, qty=4)
    Fill.objects.create(
        order=order, connection=live, trade_id="T1", exchange="NSE", symbol="INFY",
        product="MIS", side="BUY", qty=4, price=Decimal(1500), at=clock.now(),
    )  # fmt: skip
    assert close(live).qty == 14


def test_the_brokers_position_of_a_paper_account_is_its_own_affair(paper: BrokerConnection) -> None:
    ours(paper, 10)
    theirs(paper, 25)
    assert close(paper).qty == 10


def test_an_exit_takes_only_what_other_exits_leave(paper: BrokerConnection) -> None:
    ours(paper, 10)
    working(paper, side="SELL", qty=4, reduce_only=True)
    assert close(paper).qty == 6


def test_a_partly_filled_exit_takes_only_what_is_still_open_of_it(paper: BrokerConnection) -> None:
    ours(paper, 10)
    other = working(paper, side="SELL", qty=8, reduce_only=True)
    lifecycle.transition(
        other, Status.PARTIALLY_EXECUTED, actor="BROKER", changes={"filled_qty": 5}
    )
    assert close(paper).qty == 7


def test_a_two_leg_trigger_takes_its_quantity_once(live: BrokerConnection) -> None:
    theirs(live, 20, product="CNC")
    stop = working(live, side="SELL", qty=10, product="CNC", reduce_only=True)
    make_order(
        Status.QUEUED, connection=live, side="SELL", qty=10, product="CNC", oco_with=stop,
        reduce_only=True,
    )  # fmt: skip
    assert close(live, product="CNC").qty == 10


def test_delivered_shares_are_sold_as_delivery(live: BrokerConnection) -> None:
    AccountHolding.objects.create(
        connection=live, exchange="NSE", tradingsymbol="INFY", quantity=70, t1_quantity=10,
        used_quantity=20, average_price=Decimal(1400), read_at=clock.now(),
    )  # fmt: skip
    theirs(live, -20, product="CNC")  # what was sold out of the holdings today
    order = close(live, product="CNC")
    assert (order.side, order.qty) == ("SELL", 60)


def test_an_exit_of_todays_delivery_leaves_older_shares_alone(live: BrokerConnection) -> None:
    AccountHolding.objects.create(
        connection=live, exchange="NSE", tradingsymbol="INFY", quantity=70,
        average_price=Decimal(1400), read_at=clock.now(),
    )  # fmt: skip
    theirs(live, 5, product="CNC")
    assert close(live, product="CNC").qty == 5


def test_more_than_todays_delivery_may_be_asked_for(live: BrokerConnection) -> None:
    AccountHolding.objects.create(
        connection=live, exchange="NSE", tradingsymbol="INFY", quantity=70,
        average_price=Decimal(1400), read_at=clock.now(),
    )  # fmt: skip
    theirs(live, 5, product="CNC")
    assert close(live, 75, product="CNC").qty == 75


# -- whose exit it is -----------------------------------------------------------------------------


def test_an_exit_belongs_to_the_strategy_that_opened_it_all(paper: BrokerConnection) -> None:
    strategy = StrategyFactory(execution_target="PAPER")
    opened(strategy)
    assert close(paper).strategy == strategy


def test_an_exit_of_two_strategies_belongs_to_none(paper: BrokerConnection) -> None:
    opened(StrategyFactory(execution_target="PAPER"))
    opened(StrategyFactory(execution_target="PAPER"))
    order = close(paper)
    assert (order.qty, order.strategy) == (12, None)


def test_a_strategy_that_trades_elsewhere_now_does_not_hold_up_an_exit(
    paper: BrokerConnection,
) -> None:
    strategy = StrategyFactory(execution_target="PAPER")
    opened(strategy)
    strategy.execution_target = "LIVE"
    strategy.save()
    order = close(paper)
    run_all()
    order.refresh_from_db()
    assert (order.strategy, order.status) == (None, "EXECUTED")


# -- what refuses an exit -------------------------------------------------------------------------


def test_nothing_open_is_said(paper: BrokerConnection) -> None:
    with pytest.raises(NotExecutable, match="Nothing is open in NSE:INFY MIS on paper"):
        close(paper)
    ours(paper, 5, product="CNC")
    with pytest.raises(NotExecutable, match="Nothing is open"):
        close(paper)


@pytest.mark.parametrize(
    ("asked", "text"), [(11, "At most 10"), (0, "at least 1"), (-5, "at least 1")]
)
def test_more_than_is_open_is_refused_with_the_number(
    paper: BrokerConnection, asked: int, text: str
) -> None:
    ours(paper, 10)
    with pytest.raises(InvalidChange, match=text) as caught:
        close(paper, asked)
    assert list(caught.value.errors) == ["qty"]
    assert not Order.objects.exists()


def test_an_exit_at_a_limit_rests_at_that_price(paper: BrokerConnection) -> None:
    ours(paper, 40)
    order = close(paper, limit=Decimal("1512.5"))
    assert (order.order_type, order.price, order.qty) == ("LIMIT", Decimal("1512.5"), 40)
    assert (order.side, order.reduce_only, order.status) == ("SELL", True, "QUEUED")


def test_a_limit_between_two_ticks_is_refused_with_the_prices_beside_it(
    paper: BrokerConnection,
) -> None:
    listed()
    ours(paper, 40)
    with pytest.raises(InvalidChange) as refused:
        close(paper, limit=Decimal("1512.52"))
    assert "use 1,512.50 or 1,512.55" in refused.value.errors["limit"][0]
    assert not Order.objects.exists()


def test_a_part_must_be_whole_lots(live: BrokerConnection) -> None:
    listed(exchange="NFO", tradingsymbol="NIFTY26NOVFUT", search_key="X", lot_size=75)
    place: dict[str, Any] = {
        "exchange": "NFO",
        "tradingsymbol": "NIFTY26NOVFUT",
        "product": "NRML",
    }
    theirs(live, 225, **place)
    with pytest.raises(InvalidChange, match="multiple of the lot, 75"):
        close(live, 100, **place)
    order = close(live, 150, **place)
    assert (order.qty, order.lot_size) == (150, 75)


def test_what_is_no_whole_lot_stays_open_and_is_named(live: BrokerConnection) -> None:
    listed(lot_size=75)
    theirs(live, 100)
    order = close(live)
    assert order.qty == 75
    assert "25 of 100" in order.warnings[0]


def test_more_than_the_exchange_takes_at_once_is_refused_with_the_number(
    live: BrokerConnection,
) -> None:
    future: dict[str, Any] = {
        "exchange": "NFO",
        "tradingsymbol": "NIFTY26NOVFUT",
        "product": "NRML",
    }
    listed(exchange="NFO", tradingsymbol="NIFTY26NOVFUT", search_key="X", name="NIFTY", lot_size=75)
    ContractRule.objects.update_or_create(
        exchange="NFO", name="NIFTY", defaults={"freeze_quantity": 1800}
    )
    theirs(live, 3600, **future)
    with pytest.raises(InvalidChange, match="at most 1,800") as caught:
        close(live, **future)
    assert list(caught.value.errors) == ["qty"]
    look = exits.outlook(live, *future.values())
    assert (look.units, "at most 1,800" in look.too_large) == (0, True)
    assert close(live, 1800, **future).qty == 1800


def test_less_than_a_lot_can_not_be_sent(live: BrokerConnection) -> None:
    listed(lot_size=75)
    theirs(live, 50)
    with pytest.raises(NotExecutable, match="less than one lot"):
        close(live)


def test_a_switched_off_account_exits_nothing(paper: BrokerConnection) -> None:
    ours(paper, 10)
    BrokerConnection.objects.update(enabled=False)
    with pytest.raises(NotExecutable, match="switched off") as caught:
        close(paper)
    assert caught.value.code == "account_disabled"


def test_an_account_without_a_session_exits_nothing(live: BrokerConnection) -> None:
    theirs(live, 10)
    BrokerConnection.objects.filter(pk=live.pk).update(token_expires_at=clock.now())
    with pytest.raises(NotExecutable, match="expired") as caught:
        close(live)
    assert caught.value.code == "broker_not_connected"


def test_a_halted_desk_exits_nothing_and_says_why(paper: BrokerConnection) -> None:
    ours(paper, 10)
    halting.set_state("HALTED", "EVERYTHING", "lunch", "asha")
    with pytest.raises(NotExecutable, match="lunch"):
        close(paper)
    assert not Order.objects.exists()


def test_a_reducing_desk_lets_an_exit_pass(paper: BrokerConnection) -> None:
    opened()
    halting.set_state("REDUCING", "EVERYTHING", "enough for today", "asha")
    order = close(paper)
    run_all()
    order.refresh_from_db()
    assert order.status == "EXECUTED"


def test_an_exit_beside_an_unknown_order_goes_with_a_warning(paper: BrokerConnection) -> None:
    ours(paper, 10)
    unknown = working(paper, Status.UNKNOWN, qty=5)
    order = close(paper)
    assert order.qty == 10
    assert f"The outcome of order #{unknown.pk} is unknown" in order.warnings[0]


def test_an_exit_of_unknown_outcome_counts_as_filled(paper: BrokerConnection) -> None:
    ours(paper, 10)
    unknown = working(paper, Status.UNKNOWN, side="SELL", qty=10, reduce_only=True)
    with pytest.raises(Conflict, match=f"#{unknown.pk}"):
        close(paper)


def test_a_live_exit_of_unknown_outcome_leaves_the_word_to_the_brokers_position(
    live: BrokerConnection,
) -> None:
    theirs(live, 10)
    unknown = working(live, Status.UNKNOWN, side="SELL", qty=10, reduce_only=True)
    with pytest.raises(Conflict, match=f"#{unknown.pk}"):  # the same press, perhaps
        close(live)
    Order.objects.filter(pk=unknown.pk).update(created_at=clock.now() - timedelta(minutes=1))
    order = close(live)
    assert order.qty == 10
    assert f"#{unknown.pk} is unknown" in order.warnings[0]


def test_positions_of_yesterday_do_not_size_an_exit_of_today(live: BrokerConnection) -> None:
    ours(live, 10)
    theirs(live, 25, read_at=clock.now() - timedelta(days=1))
    assert close(live).qty == 10


# -- one press is one exit ------------------------------------------------------------------------


def test_a_second_press_names_the_exit_that_is_on_its_way(paper: BrokerConnection) -> None:
    ours(paper, 10)
    first = close(paper)
    with pytest.raises(Conflict, match=f"#{first.pk} closes 10 of 10") as caught:
        close(paper)
    assert caught.value.code == "already_exiting"


def test_the_same_part_twice_at_once_is_one_exit(paper: BrokerConnection) -> None:
    ours(paper, 10)
    close(paper, 4)
    with pytest.raises(Conflict):
        close(paper, 4)
    assert close(paper, 6).qty == 6


def test_the_same_part_again_later_is_another_exit(paper: BrokerConnection) -> None:
    ours(paper, 10)
    first = close(paper, 4)
    Order.objects.filter(pk=first.pk).update(created_at=clock.now() - timedelta(minutes=1))
    assert close(paper, 4).qty == 4


def test_a_position_that_changed_since_it_was_looked_at_is_left_alone(
    paper: BrokerConnection,
) -> None:
    ours(paper, 10)
    with pytest.raises(Conflict, match="6 then, 10 now"):
        close(paper, 4, seen=6)
    assert close(paper, 4, seen=10).qty == 4


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_make_one_exit(paper: BrokerConnection) -> None:
    ours(paper, 10)
    gate = threading.Barrier(4)
    outcomes: list[str] = []

    def press() -> None:
        try:
            gate.wait(10)
            outcomes.append(close(paper).status)
        except Conflict as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    presses = [threading.Thread(target=press) for _ in range(4)]
    for one in presses:
        one.start()
    for one in presses:
        one.join(30)
    assert sorted(outcomes) == ["QUEUED", "already_exiting", "already_exiting", "already_exiting"]
    assert Order.objects.count() == 1
