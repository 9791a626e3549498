"""What-ifs over stored alerts: the same verdict as the real order's, and nothing is written."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.accounts import ensure_paper_account, session_of
from brokers.models import BrokerConnection
from risk.engine.denials import Verdict
from risk.models import RiskSettings, RiskSettingsChange
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, StrategyFactory
from tests.support.alerts import receive
from tests.support.trades import traded
from trading.domain.values import Mode
from trading.models import Alert, Order, Strategy
from trading.services import intake, whatif
from trading.services.errors import Conflict, InvalidChange
from trading.services.exposure import decide
from trading.services.whatif import Candidate
from trading.services.whatif_replay import Outcome

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]


@pytest.fixture
def paper(db: None) -> BrokerConnection:
    return ensure_paper_account()


@pytest.fixture
def strategy(paper: BrokerConnection) -> Strategy:
    return StrategyFactory(name="supertrend", execution_mode="AUTO")


def order_of(result: intake.Intake) -> Order:
    return Order.objects.select_related("strategy", "connection").get(pk=result.order_id)


def limit(**values: Any) -> None:
    RiskSettings.objects.update_or_create(scope="GLOBAL", defaults=values)


quantities = st.integers(1, 400)
cases = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["ENTRY_LONG", "ENTRY_SHORT"]),
        "qty": quantities,
        "symbol": st.sampled_from(["INFY", "TCS"]),
        "product": st.sampled_from(["MIS", "CNC"]),
        "order_type": st.sampled_from(["MARKET", "LIMIT"]),
        "price": st.sampled_from([1400, 1500, 1650]),
    }
)
limits = st.fixed_dictionaries(
    {},
    optional={
        "max_quantity_per_order": quantities,
        "max_order_value": st.integers(1000, 400_000).map(Decimal),
        "allow_short_selling": st.booleans(),
        "clamp_mode": st.sampled_from(["CLAMP", "REJECT"]),
        "symbol_whitelist": st.sampled_from([[], ["INFY"]]),
        "symbol_blacklist": st.sampled_from([[], ["NSE:TCS"]]),
        "max_position_quantity": quantities,
        "max_gross_exposure": st.integers(1000, 400_000).map(Decimal),
        "approval_threshold": st.integers(1000, 400_000).map(Decimal),
        "price_collar": st.sampled_from([Decimal(3), Decimal(20)]),
        "strategy_budget": st.integers(1000, 400_000).map(Decimal),
        "max_daily_loss": st.just(Decimal(100)),
        "pyramiding": st.just(1),
        "cool_down": st.just(60),
        "duplicate_order": st.just(30),
    },
)


@pytest.mark.parametrize("live", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    alert=cases,
    mode=st.sampled_from(Mode),
    of_everything=limits,
    of_strategy=limits,
)
def test_without_history_the_verdict_is_the_real_order_s(
    paper: BrokerConnection,
    live: bool,
    alert: dict[str, Any],
    mode: Mode,
    of_everything: dict[str, Any],
    of_strategy: dict[str, Any],
) -> None:
    with transaction.atomic():
        if live:
            # What only the broker knows, it has not said here: the day, and the market's price.
            of_everything.pop("max_daily_loss", None)
            alert |= {"order_type": "MARKET"}
        connection = BrokerConnectionFactory() if live else None
        strategy = StrategyFactory(
            execution_mode=mode,
            execution_target="LIVE" if live else "PAPER",
            connection=connection,
        )
        limit(**of_everything)
        RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, **of_strategy)
        order = order_of(receive(strategy, **alert))
        session = session_of(order.connection)
        real = decide(order, order.connection, session_ok=session.connected)
        (row,) = whatif.of_stored(1).report.rows
        stopped = [check for check in real.checks if check.verdict is not Verdict.PASS]
        rules = [reason for reason in row.now.reasons if reason.scope]
        assert row.now.asked == real.requested_qty
        assert [(one.code, one.scope, one.outcome) for one in rules] == [
            (check.code, check.scope, check.verdict) for check in stopped
        ]
        if not live:
            # A real order's market price of then is known to nobody, so its texts differ.
            messages = [check.message for check in stopped]
            messages += [gate.message for gate in real.gates]
            assert [reason.text for reason in row.now.reasons] == messages
        transaction.set_rollback(True)


def test_a_candidate_stands_beside_the_limits_in_force_and_nothing_is_stored(
    strategy: Strategy,
) -> None:
    limit(max_quantity_per_order=100)
    receive(strategy, qty=150)
    receive(strategy, qty=60)
    candidate = Candidate(settings={"max_quantity_per_order": 50, "clamp_mode": "REJECT"})
    found = whatif.of_stored(1, candidate)
    first, second = found.report.rows
    assert (first.now.outcome, first.now.quantity) == (Outcome.CLAMP, 100)
    assert first.tried is not None
    assert first.tried.outcome is Outcome.DENY
    assert second.tried is not None
    assert (second.now.outcome, second.tried.outcome) == (Outcome.PASS, Outcome.DENY)
    assert {one.name: (one.old_text, one.new_text) for one in found.differences} == {
        "max_quantity_per_order": ("100", "50"),
        "clamp_mode": ("CLAMP", "REJECT"),
    }
    assert RiskSettings.objects.get().max_quantity_per_order == 100
    assert not RiskSettingsChange.objects.exists()
    assert Order.objects.filter(risk__isnull=False).count() == 0


def test_a_strategy_s_candidate_concerns_its_own_orders_alone(strategy: Strategy) -> None:
    other = StrategyFactory(name="other")
    limit()
    receive(strategy, qty=20)
    receive(other, qty=20)
    candidate = Candidate(settings={"max_quantity_per_order": 10}, strategy_id=strategy.pk)
    mine, others = whatif.of_stored(1, candidate).report.rows
    assert mine.tried is not None
    assert others.tried is not None
    assert (mine.tried.quantity, others.tried.quantity) == (10, 20)
    assert mine.tried.reasons[0].scope == "STRATEGY"


def test_without_a_global_row_the_limits_of_a_new_installation_are_in_force(
    strategy: Strategy,
) -> None:
    receive(strategy, qty=10)
    receive(strategy, qty=10, alert_id="another")
    found = whatif.of_stored(1, Candidate(settings={"duplicate_order": None}))
    assert [row.now.outcome for row in found.report.rows] == [Outcome.PASS, Outcome.DENY]
    assert [row.tried.outcome for row in found.report.rows if row.tried] == [Outcome.PASS] * 2


def test_what_was_open_before_the_days_is_known(
    strategy: Strategy, paper: BrokerConnection
) -> None:
    limit(allow_short_selling=False)
    before = clock.now() - timedelta(days=3)
    traded(paper, "BUY", 10, "1400", at=before, strategy=strategy)
    traded(paper, "SELL", 4, "1450", at=clock.now(), strategy=strategy)
    receive(strategy, "ENTRY_SHORT", qty=10)
    receive(strategy, "ENTRY_SHORT", qty=1)
    rows = whatif.of_stored(1).report.rows
    assert [row.now.outcome for row in rows] == [Outcome.PASS, Outcome.DENY]


def test_an_ignored_exit_is_replayed_and_other_alerts_are_counted(strategy: Strategy) -> None:
    result = receive(strategy, "EXIT_LONG")
    assert result.status == "ignored"
    Alert.objects.create(raw_body="x", received_at=clock.now(), outcome="REJECTED", code="bad")
    found = whatif.of_stored(1)
    assert [row.now.outcome for row in found.report.rows] == [Outcome.NOTHING]
    assert found.no_orders == 1


def test_only_the_days_asked_for_are_replayed(strategy: Strategy) -> None:
    receive(strategy, qty=10)
    old = receive(strategy, qty=11)
    Alert.objects.filter(pk=old.alert_id).update(received_at=clock.now() - timedelta(days=2))
    assert len(whatif.of_stored(1).report.rows) == 1
    assert [row.now.asked for row in whatif.of_stored(3).report.rows] == [11, 10]


def test_an_auto_order_that_was_set_aside_is_replayed_as_auto(strategy: Strategy) -> None:
    limit(approval_threshold=Decimal(1000))
    order = order_of(receive(strategy, qty=10))
    Order.objects.filter(pk=order.pk).update(mode="MANUAL", status="WAITING")
    (row,) = whatif.of_stored(1).report.rows
    assert row.now.outcome is Outcome.HOLD


def test_over_the_most_the_newest_are_kept_and_it_is_said(
    strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whatif, "MOST_ALERTS", 2)
    for quantity in (1, 2, 3):
        receive(strategy, qty=quantity)
    found = whatif.of_stored(1)
    assert [row.now.asked for row in found.report.rows] == [2, 3]
    assert found.left_out == 1


def test_when_the_time_is_over_it_is_said_how_many_are_left(strategy: Strategy) -> None:
    receive(strategy, qty=1)
    report = whatif.of_stored(1, patience=0).report
    assert (len(report.rows), report.unfinished) == (0, 1)


def test_few_run_at_once(strategy: Strategy) -> None:
    with whatif._one_of_few(1), whatif._one_of_few(1):
        with pytest.raises(Conflict, match="Try again"):
            whatif.of_stored(1)
        assert whatif.of_stored(1, patience=None).report.rows == ()
    assert whatif.of_stored(1).report.rows == ()


def test_limits_that_need_what_was_not_kept_are_named(strategy: Strategy) -> None:
    limit(insufficient_margin=Decimal(10))
    receive(strategy, qty=1)
    found = whatif.of_stored(1)
    assert found.not_replayed == ("insufficient_margin",)
    assert found.report.rows[0].now.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("values", "name", "text"),
    [
        ({"max_quantity_per_order": 0}, "max_quantity_per_order", "more than 0"),
        ({"symbol_whitelist": ["IN FY"]}, "symbol_whitelist", "not a symbol"),
        ({"clock_skew": Decimal(1)}, "clock_skew", "Only GLOBAL"),
    ],
)
def test_a_candidate_that_could_not_be_saved_is_refused(
    strategy: Strategy, values: dict[str, Any], name: str, text: str
) -> None:
    candidate = Candidate(settings=values, strategy_id=strategy.pk)
    with pytest.raises(InvalidChange) as refused:
        whatif.of_stored(1, candidate)
    assert text in refused.value.errors[name][0]


@pytest.mark.parametrize("days", [0, -1, 91])
def test_the_number_of_days_has_bounds(days: int) -> None:
    with pytest.raises(InvalidChange, match="1 to 90"):
        whatif.of_stored(days)
