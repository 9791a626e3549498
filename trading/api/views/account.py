"""What the broker shows of an account. The worker asks it; these calls wait a moment for that."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from brokers.accounts import session_of
from brokers.models import (
    AccountHolding,
    AccountState,
    BrokerConnection,
    BrokerName,
    BrokerQuestion,
    QuestionKind,
)
from brokers.port import OrderRequest
from sigmatrader.health import WORKER_STALE_SECONDS
from trading import selectors
from trading.api.base import ApiView
from trading.api.connections import CONNECTION, chosen_connection
from trading.api.errors import RETRY_SECONDS, ApiError
from trading.api.filters import IDEMPOTENCY_KEY
from trading.api.serializers.account import (
    HoldingSerializer,
    MarginsSerializer,
    OrderCostSerializer,
    OrderPreviewSerializer,
    OrdersReadSerializer,
    PendingSerializer,
    PositionsReadSerializer,
)
from trading.api.serializers.orders import ErrorSerializer
from trading.api.waiting import wait_for_answer
from trading.domain.values import OrderType, Product, Side, Validity
from trading.services import questions
from trading.services.connections import default_connection
from trading.services.instruments import resolve

_PENDING = {"status": "pending", "message": "The worker has not answered yet."}
_REFUSED = {
    202: PendingSerializer,
    400: ErrorSerializer,
    404: ErrorSerializer,
    502: ErrorSerializer,
    503: ErrorSerializer,
}
# Everything else is the broker's own no, or its silence: 502.
_STATUS = {
    questions.NOT_CONNECTED: 400,
    questions.NOT_SUPPORTED: 400,
    questions.INVALID: 400,
    questions.RATE_LIMITED: 503,
    questions.TOO_LATE: 503,
    questions.SERVER_ERROR: 500,
}


class AccountView(ApiView):
    """A call that needs the broker's answer."""

    queryset = BrokerConnection.objects.none()

    def account(self) -> BrokerConnection:
        """The account that the call names; ApiError when it can't be asked.

        Without a name and without any account at Zerodha it is the default account, paper.
        """
        account = None
        at_zerodha = BrokerConnection.objects.filter(broker_name=BrokerName.ZERODHA)
        if not self.request.query_params.get("connection", "").strip() and not at_zerodha.exists():
            account = default_connection()
        account = account or chosen_connection(self.request)
        session = session_of(account)
        if not session.connected:
            raise ApiError(400, questions.NOT_CONNECTED, session.error)
        age = selectors.worker_age_seconds()
        if age is None or age > WORKER_STALE_SECONDS:
            text = "No worker is running, so nobody can ask the broker: start one."
            raise ApiError(503, "no_worker", text)
        return account

    def ask(
        self,
        account: BrokerConnection,
        kind: QuestionKind,
        params: dict[str, Any] | None = None,
    ) -> BrokerQuestion | None:
        """The question with its answer; None while there is none. Raises ApiError."""
        asked = questions.ask(account, kind, params, actor=self.actor)
        question = wait_for_answer(asked)
        if question.answered_at is None:
            return None
        if question.error:
            status = _STATUS.get(question.code, 502)
            raise ApiError(status, question.code, question.error)
        return question

    def pending(self) -> Response:
        return Response(_PENDING, status=202, headers={"Retry-After": str(RETRY_SECONDS)})


class PositionsSync(AccountView):
    serializer_class = PositionsReadSerializer

    @extend_schema(
        operation_id="positions_sync",
        request=None,
        parameters=[CONNECTION, IDEMPOTENCY_KEY],
        responses={200: PositionsReadSerializer, **_REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Read positions, holdings and funds at the broker now."""
        account = self.account()
        question = self.ask(account, QuestionKind.SYNC_POSITIONS)
        if question is None:
            return self.pending()
        state = AccountState.objects.get(connection=account)
        shown = {**_answer(question), "read_at": state.positions_read_at}
        return Response(PositionsReadSerializer(shown).data)


class HoldingList(AccountView):
    serializer_class = HoldingSerializer

    @extend_schema(
        operation_id="positions_holdings",
        parameters=[CONNECTION],
        responses={**_REFUSED, 200: HoldingSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """The account's delivered shares, as the broker shows them now."""
        account = self.account()
        if self.ask(account, QuestionKind.SYNC_POSITIONS) is None:
            return self.pending()
        holdings = AccountHolding.objects.filter(connection=account)
        return Response(HoldingSerializer(holdings, many=True).data)


class OrdersSync(AccountView):
    serializer_class = OrdersReadSerializer

    @extend_schema(
        operation_id="zerodha_sync_orders",
        request=None,
        parameters=[CONNECTION, IDEMPOTENCY_KEY],
        responses={200: OrdersReadSerializer, **_REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Follow the account's order book now."""
        question = self.ask(self.account(), QuestionKind.SYNC_ORDERS)
        return self.pending() if question is None else Response(question.answer)


class MarginsView(AccountView):
    serializer_class = MarginsSerializer

    @extend_schema(
        operation_id="zerodha_margins",
        parameters=[CONNECTION],
        responses={200: MarginsSerializer, **_REFUSED},
    )
    def get(self, request: Request) -> Response:
        """What the account can spend now."""
        question = self.ask(self.account(), QuestionKind.FUNDS)
        if question is None:
            return self.pending()
        answer = _answer(question)
        return Response({"available": answer["available"], "raw": answer["raw"]})


class OrderPreview(AccountView):
    serializer_class = OrderPreviewSerializer

    @extend_schema(
        operation_id="zerodha_order_preview",
        parameters=[CONNECTION, IDEMPOTENCY_KEY],
        responses={200: OrderCostSerializer, **_REFUSED},
    )
    def post(self, request: Request) -> Response:
        """What an order would take at the broker. Nothing is placed."""
        wanted = _request(self.validated())
        account = self.account()
        question = self.ask(account, QuestionKind.ORDER_COST, questions.cost_params(wanted))
        return self.pending() if question is None else Response(question.answer)


def _answer(question: BrokerQuestion) -> dict[str, Any]:
    return dict(question.answer or {})


def _request(fields: dict[str, Any]) -> OrderRequest:
    """The order that is described; ApiError when its symbol is not clear."""
    found = resolve(fields["exchange"], fields["symbol"])
    if found.problem:
        raise ApiError(400, "invalid", found.problem, {"symbol": [found.problem]})
    return OrderRequest(
        tag="",  # the worker gives it one
        exchange=found.exchange,
        tradingsymbol=found.tradingsymbol,
        side=Side(fields["side"]),
        quantity=fields["qty"],
        order_type=OrderType(fields["order_type"]),
        product=Product(fields["product"]),
        validity=Validity(fields["validity"]),
        price=fields["price"],
        trigger_price=fields["trigger_price"],
        market_protection=Decimal(-1),
        multiplier=found.multiplier,
    )
