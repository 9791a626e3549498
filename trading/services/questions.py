"""What pages and the API want to know of a broker: asked as rows, found out by a worker.

The web never speaks to a broker. It asks, wakes the workers and waits a moment; the worker that
follows the account answers. Every question is a read that may be done twice.
"""

import json
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import DatabaseError
from django.db.models import QuerySet

from brokers.errors import (
    BrokerError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    PermissionRefused,
    RateLimited,
    Refused,
    SessionExpired,
)
from brokers.models import BrokerConnection, BrokerQuestion, QuestionKind
from brokers.port import Broker, OrderRequest
from brokers.sessions import end_session
from sigmatrader import clock
from sigmatrader.db import Busy, write_transaction
from trading.domain.order import WORKING, Status
from trading.domain.values import OrderType, Product, Side, Validity, Variety
from trading.models import Order
from trading.services import account_reads, instrument_list, reconcile
from trading.services.attempts import new_client_order_id
from trading.services.errors import Conflict, InvalidChange, ServiceError
from trading.services.wakeup import wake_workers

logger = logging.getLogger(__name__)

WAIT_SECONDS: Final = 8.0
TOO_OLD: Final = timedelta(seconds=60)
_SHARED_FOR: Final = timedelta(seconds=30)  # an older open question may be answered “too late”
_MOST_OPEN: Final = 20
_KEPT: Final = timedelta(days=1)
_BATCH: Final = 5000
_FIRST_PAUSE: Final = 0.025
_LONGEST_PAUSE: Final = 0.1

NOT_CONNECTED: Final = "broker_not_connected"
TOO_LATE: Final = "too_late"
NOT_REACHED: Final = "not_reached"
NO_ANSWER: Final = "no_answer"
RATE_LIMITED: Final = "rate_limited"
NOT_SUPPORTED: Final = "not_supported"
SERVER_ERROR: Final = "server_error"
INVALID: Final = InvalidChange.code
_CODES: Final[tuple[tuple[type[BrokerError], str], ...]] = (
    (SessionExpired, NOT_CONNECTED),
    (RateLimited, RATE_LIMITED),
    (NotSent, NOT_REACHED),
    (PermissionRefused, "permission_refused"),
    (NotSupported, NOT_SUPPORTED),
    (Refused, "refused"),
    (OutcomeUnknown, NO_ANSWER),
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    answer: Any = None
    error: str = ""
    code: str = ""


# -- the web's side --------------------------------------------------------------------------------


def ask(
    connection: BrokerConnection,
    kind: QuestionKind,
    params: Mapping[str, Any] | None = None,
    *,
    actor: str,
) -> BrokerQuestion:
    """Ask the account's worker; the same question still open is shared. Commits and wakes.

    `params`: plain JSON; of ORDER_COST the order's fields, see `cost_params`.
    """
    wanted = dict(params or {})
    now = clock.now()
    with write_transaction():
        recent = _open(connection).filter(kind=kind, asked_at__gt=now - _SHARED_FOR)
        if recent.count() >= _MOST_OPEN:
            raise Conflict(
                "The broker is asked too much at once: wait a moment.", code="too_many_questions"
            )
        same = next((one for one in recent.order_by("-id") if one.params == wanted), None)
        question = same or BrokerQuestion.objects.create(
            connection=connection,
            kind=kind,
            params=wanted,
            asked_by=actor[:150],
            asked_at=now,
        )
        wake_workers()
    return question


def wait(question: BrokerQuestion, seconds: float = WAIT_SECONDS) -> BrokerQuestion:
    """The question answered, or still open after `seconds`. No transaction is open meanwhile."""
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        question.refresh_from_db(fields=["answered_at", "answer", "error", "code"])
        left = deadline - time.monotonic()
        if question.answered_at is not None or left <= 0:
            return question
        time.sleep(min(pause, left))
        pause = min(pause * 1.3, _LONGEST_PAUSE)


def cost_params(request: OrderRequest) -> dict[str, Any]:
    """`request` as the params of an ORDER_COST question."""
    return {
        "exchange": request.exchange,
        "tradingsymbol": request.tradingsymbol,
        "side": request.side.value,
        "quantity": request.quantity,
        "order_type": request.order_type.value,
        "product": request.product.value,
        "validity": request.validity.value,
        "variety": request.variety.value,
        "multiplier": _text(request.multiplier),
        "price": _text(request.price),
        "trigger_price": _text(request.trigger_price),
        "market_protection": _text(request.market_protection),
        "reference_price": _text(request.reference_price),
    }


# -- the worker's side -----------------------------------------------------------------------------


def answer_open(
    connection: BrokerConnection,
    broker: Broker,
    kinds: Collection[QuestionKind] = tuple(QuestionKind),
    most: int | None = None,
) -> int:
    """Answer the account's open questions of `kinds`, at most `most`; how many were answered.

    The newest goes first, and what was asked twice is found out once. When the broker does not
    answer at all, the rest is left for the next round.
    """
    answered = _refuse_old(connection, clock.now())
    for same in _alike(_open(connection).filter(kind__in=kinds))[:most]:
        outcome = _find_out(same[0], connection, broker)
        answered += _store(_only(same), outcome)
        if outcome.code in (NOT_REACHED, NO_ANSWER):
            break
    return answered


def refuse_open(connection: BrokerConnection, error: BrokerError) -> int:
    """Answer every open question with why the account can't be asked; how many there were."""
    return _store(_open(connection), _outcome_of(error))


def forget_old(now: datetime) -> int:
    """Delete questions older than a day, some thousands at a time. Returns how many."""
    old = BrokerQuestion.objects.filter(asked_at__lt=now - _KEPT).order_by("asked_at")
    batch = list(old.values_list("pk", flat=True)[:_BATCH])
    return BrokerQuestion.objects.filter(pk__in=batch).delete()[0] if batch else 0


def _alike(questions: QuerySet[BrokerQuestion]) -> list[list[BrokerQuestion]]:
    """Those that ask the same thing together, the newest first."""
    groups: dict[str, list[BrokerQuestion]] = {}
    for question in questions.order_by("-id"):
        key = json.dumps([question.kind, question.params], sort_keys=True)
        groups.setdefault(key, []).append(question)
    return list(groups.values())


def _only(questions: Collection[BrokerQuestion]) -> QuerySet[BrokerQuestion]:
    return BrokerQuestion.objects.filter(pk__in=[one.pk for one in questions])


def _open(connection: BrokerConnection) -> QuerySet[BrokerQuestion]:
    return BrokerQuestion.objects.filter(connection=connection, answered_at__isnull=True)


def _refuse_old(connection: BrokerConnection, now: datetime) -> int:
    """Nobody waits for these any more: the broker is not asked."""
    text = f"Nobody could answer this within {int(TOO_OLD.total_seconds())} seconds: too late."
    old = _open(connection).filter(asked_at__lt=now - TOO_OLD)
    return _store(old, _Outcome(error=f"{text} Ask again.", code=TOO_LATE)) if old.exists() else 0


def _store(questions: QuerySet[BrokerQuestion], outcome: _Outcome) -> int:
    with write_transaction():
        return questions.filter(answered_at__isnull=True).update(
            answered_at=clock.now(),
            answer=outcome.answer,
            error=outcome.error,
            code=outcome.code,
        )


def _find_out(question: BrokerQuestion, connection: BrokerConnection, broker: Broker) -> _Outcome:
    try:
        answer = _ANSWERS[QuestionKind(question.kind)](connection, broker, question.params)
        return _Outcome(answer=answer)
    except BrokerError as error:
        # Reconciliation ends a session itself, when it was the broker who said so.
        if isinstance(error, SessionExpired) and question.kind != QuestionKind.SYNC_ORDERS:
            end_session(connection, error.message)
        return _outcome_of(error)
    except ServiceError as error:
        return _Outcome(error=error.message, code=error.code)
    except (DatabaseError, Busy):
        raise  # nor could an answer be stored: the next round asks again
    except Exception:
        logger.exception("%s could not be answered", question)
        return _Outcome(error="Something broke. It has been logged.", code=SERVER_ERROR)


def _outcome_of(error: BrokerError) -> _Outcome:
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "broker_error")
    return _Outcome(error=error.message, code=code)


def _profile(connection: BrokerConnection, broker: Broker, params: Any) -> dict[str, Any]:
    session = broker.session()
    if not session.connected and broker.capabilities.sessions:
        end_session(connection, session.error)
    return {
        "connected": session.connected,
        "user_id": session.user_id,
        "user_name": session.user_name,
        "expires_at": session.expires_at.isoformat() if session.expires_at else None,
        "error": session.error,
    }


def _orders(connection: BrokerConnection, broker: Broker, params: Any) -> dict[str, int]:
    """Follow the order book now; how many orders changed, and how many are still going."""
    started = clock.now()
    reconcile.reconcile_account(connection)
    return _order_counts(connection, started)


def answer_orders(
    connection: BrokerConnection, started: datetime, error: BrokerError | None = None
) -> int:
    """Answer who asked for the order book before `started`: it has been read, or `error`."""
    asked = _open(connection).filter(kind=QuestionKind.SYNC_ORDERS, asked_at__lte=started)
    if not asked.exists():
        return 0
    if error is not None:
        return _store(asked, _outcome_of(error))
    return _store(asked, _Outcome(answer=_order_counts(connection, started)))


def _order_counts(connection: BrokerConnection, started: datetime) -> dict[str, int]:
    orders = Order.objects.filter(connection=connection)
    return {
        "changed": orders.filter(updated_at__gte=started).count(),
        "working": orders.filter(status__in=WORKING).count(),
        "unknown": orders.filter(status=Status.UNKNOWN).count(),
    }


def _positions(connection: BrokerConnection, broker: Broker, params: Any) -> dict[str, int]:
    positions = account_reads.read_positions(connection, broker)
    holdings = account_reads.read_holdings(connection, broker)
    account_reads.read_funds(connection, broker)
    return {"positions": positions, "holdings": holdings}


def _funds(connection: BrokerConnection, broker: Broker, params: Any) -> dict[str, Any]:
    margins = account_reads.read_funds(connection, broker)
    return {
        "available": _text(margins.available),
        "used": _text(margins.used),
        "net": _text(margins.net),
        "raw": account_reads.plain_json(margins.raw),
    }


def _cost(connection: BrokerConnection, broker: Broker, params: Any) -> dict[str, Any]:
    cost = broker.order_cost(_request(params))
    return {
        "required": _text(cost.required),
        "charges": _text(cost.charges),
        "currency": "INR",
    }


def _instruments(connection: BrokerConnection, broker: Broker, params: Any) -> dict[str, Any]:
    load = instrument_list.load(broker.instruments(), connection, clock.now())
    if not load.whole:
        raise ServiceError(load.error)
    return {"rows": load.rows, "skipped": load.skipped}


_ANSWERS: Final = {
    QuestionKind.PROFILE: _profile,
    QuestionKind.SYNC_ORDERS: _orders,
    QuestionKind.SYNC_POSITIONS: _positions,
    QuestionKind.FUNDS: _funds,
    QuestionKind.ORDER_COST: _cost,
    QuestionKind.INSTRUMENTS: _instruments,
}


def _request(params: Mapping[str, Any]) -> OrderRequest:
    """The order that `cost_params` described. Raises InvalidChange."""
    try:
        return OrderRequest(
            tag=new_client_order_id(),  # never placed, but a whole order all the same
            exchange=str(params["exchange"]),
            tradingsymbol=str(params["tradingsymbol"]),
            side=Side(params["side"]),
            quantity=int(params["quantity"]),
            order_type=OrderType(params["order_type"]),
            product=Product(params["product"]),
            validity=Validity(params.get("validity") or Validity.DAY),
            variety=Variety(params.get("variety") or Variety.REGULAR),
            multiplier=_number(params.get("multiplier")) or Decimal(1),
            price=_number(params.get("price")),
            trigger_price=_number(params.get("trigger_price")),
            market_protection=_number(params.get("market_protection")),
            reference_price=_number(params.get("reference_price")),
        )
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise InvalidChange(f"This does not describe an order: {error}.") from None


def _number(text: Any) -> Decimal | None:
    return None if text in (None, "") else Decimal(str(text))


def _text(number: Decimal | None) -> str | None:
    """A number without exponent and trailing zeros: "1500", "812.4"."""
    if number is None:
        return None
    return format(number.normalize(), "f") if number else "0"
