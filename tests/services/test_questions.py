"""Questions to a broker: asked by the web, found out by the worker."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database

from brokers import errors
from brokers.accounts import ensure_paper_account
from brokers.models import AccountState, BrokerQuestion, ConnectionKind, QuestionKind
from brokers.port import InstrumentRow, OrderRequest, SessionState
from brokers.registry import broker_for
from sigmatrader import clock
from tests.factories import BrokerConnectionFactory, make_order
from tests.support.kite import API_KEY, simulator
from tests.support.telling import TellingBroker, position
from trading.domain.order import Status
from trading.domain.values import OrderType, Product, Side
from trading.models import Instrument, Order
from trading.services import questions
from trading.services.claim import claim_next
from trading.services.dispatch import send

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

NOON = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
COST = OrderRequest(
    tag="",
    exchange="NSE",
    tradingsymbol="INFY",
    side=Side.BUY,
    quantity=3,
    order_type=OrderType.LIMIT,
    product=Product.CNC,
    price=Decimal("1500.05"),
)


@pytest.fixture(autouse=True)
def now():
    """The test's clock: `now[0]` is the time."""
    time = [NOON]
    clock.use(lambda: time[0])
    yield time
    clock.use(None)


@pytest.fixture
def account():
    return BrokerConnectionFactory(token_expires_at=NOON + timedelta(hours=12))


@pytest.fixture
def broker():
    return TellingBroker()


def ask(account, kind=QuestionKind.FUNDS, params=None):
    return questions.ask(account, kind, params, actor="asha")


def answered(question):
    question.refresh_from_db()
    assert question.answered_at is not None
    return question


def test_funds_are_answered_as_decimal_strings(account, broker):
    question = ask(account)
    assert questions.answer_open(account, broker) == 1
    assert answered(question).answer == {
        "available": "1000",
        "used": "0",
        "net": "1000",
        "raw": {},
    }
    assert (question.error, question.code, question.asked_by) == ("", "", "asha")
    assert AccountState.objects.get(connection=account).available == 1000


def test_syncing_positions_is_three_reads(account, broker):
    broker.says["positions"] = [position(1)]
    question = ask(account, QuestionKind.SYNC_POSITIONS)
    questions.answer_open(account, broker)
    assert broker.names_asked() == ["positions", "holdings", "margins"]
    assert answered(question).answer == {"positions": 1, "holdings": 0}


def test_the_cost_of_an_order_is_asked_for_exactly_that_order(account, broker):
    question = ask(account, QuestionKind.ORDER_COST, questions.cost_params(COST))
    questions.answer_open(account, broker)
    asked = broker.asked[0][1]
    assert questions.cost_params(asked) == questions.cost_params(COST)
    assert (asked.price, asked.quantity, asked.product) == (Decimal("1500.05"), 3, Product.CNC)
    assert answered(question).answer == {"required": "300", "charges": "1.5", "currency": "INR"}


def test_params_that_are_no_order_are_refused_without_asking(account, broker):
    question = ask(account, QuestionKind.ORDER_COST, {"exchange": "NSE"})
    questions.answer_open(account, broker)
    assert answered(question).code == "invalid"
    assert "tradingsymbol" in question.error
    assert broker.asked == []


def test_the_profile_tells_who_is_logged_in(account, broker):
    question = ask(account, QuestionKind.PROFILE)
    questions.answer_open(account, broker)
    assert answered(question).answer == {
        "connected": True,
        "user_id": "AB1234",
        "user_name": "Asha",
        "expires_at": None,
        "error": "",
    }


def test_a_profile_that_says_no_ends_the_session_here(account, broker):
    broker.says["session"] = SessionState(False, error="The token was revoked.")
    question = ask(account, QuestionKind.PROFILE)
    questions.answer_open(account, broker)
    assert answered(question).answer["connected"] is False
    account.refresh_from_db()
    assert account.token_expires_at == NOON


def test_the_order_book_is_followed_and_counted():
    paper = ensure_paper_account()
    order = make_order(Status.QUEUED, order_type=OrderType.LIMIT, price=Decimal(1))
    send(claim_next("worker"))
    question = ask(paper, QuestionKind.SYNC_ORDERS)
    questions.answer_open(paper, broker_for(paper))
    assert answered(question).error == ""
    assert question.answer["working"] == 1
    assert question.answer["unknown"] == 0
    assert Order.objects.get(pk=order.pk).status == Status.SENT


def listed(exchange, symbol):
    return InstrumentRow(
        exchange, symbol, symbol, 1, "EQ", exchange, None, None, Decimal("0.05"), 1
    )


def test_the_instrument_list_is_loaded(account, broker):
    broker.says["instruments"] = [listed("NSE", "INFY"), listed("NSE", "TCS")]
    question = ask(account, QuestionKind.INSTRUMENTS)
    questions.answer_open(account, broker)
    assert answered(question).answer == {"rows": 2, "skipped": 0}, question.error
    assert Instrument.objects.count() == 2


def test_an_instrument_list_that_is_refused_is_no_success(account, broker):
    question = ask(account, QuestionKind.INSTRUMENTS)
    questions.answer_open(account, broker)
    assert answered(question).answer is None
    assert question.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SessionExpired("Log in again."), "broker_not_connected"),
        (errors.RateLimited("Too many requests"), "rate_limited"),
        (errors.NotSent("No route."), "not_reached"),
        (errors.PermissionRefused("Not from this address."), "permission_refused"),
        (errors.NotSupported("No."), "not_supported"),
        (errors.NotAvailable("No."), "not_supported"),
        (errors.Refused("No."), "refused"),
        (errors.OutcomeUnknown("Timed out."), "no_answer"),
        (errors.BrokerError("Odd."), "broker_error"),
    ],
)
def test_each_error_is_kept_in_words_with_its_class(account, broker, error, code):
    broker.says["margins"] = error
    question = ask(account)
    assert questions.answer_open(account, broker) == 1
    assert (answered(question).code, question.error) == (code, error.message)
    assert question.answer is None


def test_an_expired_session_is_over_here_too(account, broker):
    broker.says["margins"] = errors.SessionExpired("Incorrect token.")
    ask(account)
    questions.answer_open(account, broker)
    account.refresh_from_db()
    assert (account.token_expires_at, account.last_error) == (NOON, "Incorrect token.")


def test_a_fault_of_ours_is_told_without_its_insides(account, broker, caplog):
    def broken():
        raise ValueError("secret insides")

    broker.says["margins"] = broken
    question = ask(account)
    questions.answer_open(account, broker)
    assert answered(question).code == "server_error"
    assert "insides" not in question.error
    assert "secret insides" in caplog.text


def test_the_same_open_question_is_asked_once(account):
    first = ask(account, QuestionKind.ORDER_COST, {"quantity": 1, "side": "BUY"})
    assert ask(account, QuestionKind.ORDER_COST, {"side": "BUY", "quantity": 1}).pk == first.pk
    assert ask(account, QuestionKind.ORDER_COST, {"side": "BUY", "quantity": 2}).pk != first.pk
    assert ask(account).pk != first.pk
    assert ask(BrokerConnectionFactory()).pk != first.pk


def test_an_answered_question_is_asked_anew(account, broker):
    first = ask(account)
    questions.answer_open(account, broker)
    assert ask(account).pk != first.pk


def test_what_was_asked_twice_is_found_out_once_and_the_newest_goes_first(account, broker, now):
    older = ask(account)
    now[0] += timedelta(seconds=40)
    profile = ask(account, QuestionKind.PROFILE)
    newer = ask(account)
    assert newer.pk != older.pk
    assert questions.answer_open(account, broker) == 3
    assert broker.names_asked() == ["margins", "session"]
    assert answered(older).answer == answered(newer).answer
    assert answered(profile).answer["connected"]


def test_only_questions_of_that_account_and_those_kinds_are_answered(account, broker):
    other, slow = ask(BrokerConnectionFactory()), ask(account, QuestionKind.INSTRUMENTS)
    funds = ask(account)
    assert questions.answer_open(account, broker, [QuestionKind.FUNDS]) == 1
    assert answered(funds).answer
    for question in (other, slow):
        question.refresh_from_db()
        assert question.answered_at is None


@pytest.mark.parametrize("error", [errors.OutcomeUnknown(), errors.NotSent()])
def test_a_silent_broker_is_not_asked_for_the_rest(account, broker, error):
    waiting = ask(account)
    ask(account, QuestionKind.PROFILE)
    broker.says["session"] = error
    assert questions.answer_open(account, broker) == 1
    waiting.refresh_from_db()
    assert waiting.answered_at is None
    assert questions.answer_open(account, broker) == 1
    assert answered(waiting).answer


def test_an_old_question_is_too_late_and_the_broker_is_not_asked(account, broker, now):
    question = ask(account)
    now[0] += timedelta(seconds=61)
    assert questions.answer_open(account, broker) == 1
    assert answered(question).code == "too_late"
    assert "too late" in question.error
    assert broker.asked == []


def test_an_account_that_can_not_be_asked_says_why(account):
    question = ask(account)
    assert questions.refuse_open(account, errors.SessionExpired("Log in first.")) == 1
    assert (answered(question).code, question.error) == ("broker_not_connected", "Log in first.")


def test_questions_older_than_a_day_are_forgotten(account, now):
    ask(account)
    now[0] += timedelta(hours=23)
    young = ask(account, QuestionKind.PROFILE)
    assert questions.forget_old(now[0]) == 0
    now[0] += timedelta(hours=2)
    assert questions.forget_old(now[0]) == 1
    assert BrokerQuestion.objects.get().pk == young.pk


def test_waiting_ends_with_the_answer(account, broker, monkeypatch):
    question = ask(account)
    monkeypatch.setattr(questions.time, "sleep", lambda _: questions.answer_open(account, broker))
    assert questions.wait(question).answer["available"] == "1000"


def test_waiting_ends_without_an_answer_when_nobody_works(account):
    assert questions.wait(ask(account), 0.01).answered_at is None


@pytest.mark.django_db(transaction=True)
def test_asking_commits_and_no_transaction_is_open_while_the_broker_is_asked(account, broker):
    seen = []

    def answer():
        seen.append(database.in_atomic_block)
        return SessionState(True)

    broker.says["session"] = answer
    question = ask(account, QuestionKind.PROFILE)
    assert not database.in_atomic_block
    questions.answer_open(account, broker)
    assert answered(question).answer["connected"]
    assert seen == [False]


def test_asking_rings_the_workers(account, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr("trading.services.wakeup._notify", lambda: rung.append(True))
    with django_capture_on_commit_callbacks(execute=True):
        ask(account)
    assert rung == [True]


def test_everything_can_be_asked_over_http():
    clock.use(None)
    with simulator(frozen=True, rate_limits=False) as kite:
        account = BrokerConnectionFactory(
            kind=ConnectionKind.SIMULATOR, api_root=kite.root, api_key=API_KEY
        )
        account.access_token = kite.login()
        account.save()
        asked = [
            ask(account, kind, questions.cost_params(COST) if kind == "ORDER_COST" else None)
            for kind in QuestionKind
        ]
        assert questions.answer_open(account, broker_for(account)) == len(asked)
        found = {question.kind: answered(question) for question in asked}
        assert {kind: one.error for kind, one in found.items() if one.error} == {}
        assert Decimal(found["ORDER_COST"].answer["required"]) > 0
        assert Decimal(found["FUNDS"].answer["available"]) > 0
        assert found["INSTRUMENTS"].answer["rows"] == Instrument.objects.count() > 100
        kite.expire_sessions()
        again = ask(account)
        questions.answer_open(account, broker_for(account))
    assert answered(again).code == "broker_not_connected"
    account.refresh_from_db()
    assert account.token_expires_at <= clock.now()
