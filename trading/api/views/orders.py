"""Orders: lists, one order, and what a person does with it."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sigmatrader import clock
from trading.api.base import ApiView
from trading.api.errors import ApiError
from trading.api.filters import (
    ID_OF_STRATEGY,
    IDEMPOTENCY_KEY,
    PERIOD,
    SIMULATED,
    SYMBOL,
    Filters,
    word_parameter,
)
from trading.api.pagination import NewestFirst
from trading.api.serializers.orders import (
    ErrorSerializer,
    OrderEditSerializer,
    OrderErrorSerializer,
    OrderEventSerializer,
    OrderExecuteSerializer,
    OrderModifySerializer,
    OrderResolveSerializer,
    OrderSerializer,
    OrderStatusSerializer,
)
from trading.api.waiting import wait_for_outcome
from trading.domain.order import Status
from trading.domain.values import Mode, Side
from trading.models import Order
from trading.services import queue
from trading.services.errors import Conflict

_REFUSED = {400: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer}


def orders() -> QuerySet[Order]:
    return Order.objects.select_related("connection", "strategy")


def as_json(order: Order) -> dict[str, Any]:
    return dict(OrderSerializer(order).data)


class OrderView(ApiView):
    """A call on one order."""

    queryset = Order.objects.none()
    serializer_class: Any = OrderSerializer

    def order(self, pk: str) -> Order:
        return self.find(orders(), pk)

    def answer(self, order: Order, status: int = 200) -> Response:
        """The order as it stands after the call."""
        return Response(as_json(queue.get(order.pk)), status=status)


def filtered(request: Request) -> QuerySet[Order]:
    """Orders by the query parameters of the list."""
    filters = Filters(request)
    statuses = filters.words("status", Status)
    sides, modes = filters.words("side", Side), filters.words("mode", Mode)
    strategy, simulated = filters.id("strategy_id"), filters.flag("simulated")
    symbol = filters.symbol("symbol")
    start, end = filters.moment("from"), filters.moment("to", end=True)
    filters.check()
    found = Order.objects.select_related("connection")
    if statuses:
        found = found.filter(status__in=statuses)
    if sides:
        found = found.filter(side__in=sides)
    if modes:
        found = found.filter(mode__in=modes)
    if strategy is not None:
        found = found.filter(strategy_id=strategy)
    if simulated is not None:
        found = found.filter(simulated=simulated)
    if symbol:
        found = found.filter(Q(symbol=symbol) | Q(tradingsymbol=symbol))
    if start is not None:
        found = found.filter(created_at__gte=start)
    if end is not None:
        found = found.filter(created_at__lt=end)
    return found


class OrderList(OrderView):
    pagination_class = NewestFirst
    newest_by = "created_at"

    @extend_schema(
        operation_id="orders_list",
        responses={200: OrderSerializer(many=True), 400: ErrorSerializer},
        parameters=[
            word_parameter("status", Status),
            word_parameter("side", Side),
            word_parameter("mode", Mode),
            ID_OF_STRATEGY,
            SYMBOL,
            SIMULATED,
            *PERIOD,
        ],
    )
    def get(self, request: Request) -> Response:
        """Orders, newest first, in cursor pages."""
        page = self.paginate_queryset(filtered(request))
        return self.get_paginated_response(OrderSerializer(page, many=True).data)


class OrderQueue(OrderView):
    @extend_schema(
        operation_id="orders_queue",
        responses={200: OrderSerializer(many=True), 400: ErrorSerializer},
        parameters=[ID_OF_STRATEGY],
    )
    def get(self, request: Request) -> Response:
        """Every order that waits for a person, oldest first. `risk` is what risk would decide
        now."""
        filters = Filters(request)
        strategy = filters.id("strategy_id")
        filters.check()
        waiting = (
            Order.objects.select_related("connection", "strategy")
            .filter(status=Status.WAITING)
            .order_by("created_at", "id")
        )
        if strategy is not None:
            waiting = waiting.filter(strategy_id=strategy)
        orders = list(waiting)
        now, decisions = clock.now(), queue.previews(orders)
        for order in orders:
            order.risk = decisions[order.pk].as_json(now)
        return Response(OrderSerializer(orders, many=True).data)


class OrderDetail(OrderView):
    @extend_schema(
        operation_id="orders_get", responses={200: OrderSerializer, 404: ErrorSerializer}
    )
    def get(self, request: Request, pk: str) -> Response:
        """One order. While it waits, `risk` is what risk would decide now."""
        order = self.order(pk)
        if order.status == Status.WAITING:
            order.risk = queue.preview(order).as_json(clock.now())
        return Response(as_json(order))

    @extend_schema(
        operation_id="orders_edit",
        request=OrderEditSerializer,
        responses={200: OrderSerializer, **_REFUSED},
    )
    def patch(self, request: Request, pk: str) -> Response:
        """Change an order that waits."""
        serializer = OrderEditSerializer(data=request.data)
        order = self.order(pk)
        serializer.is_valid(raise_exception=True)
        changes = dict(serializer.validated_data)
        version = changes.pop("version", None)
        return self.answer(queue.edit(order, changes, actor=self.actor, version=version))


class OrderEvents(OrderView):
    serializer_class = OrderEventSerializer

    @extend_schema(
        operation_id="orders_events",
        responses={200: OrderEventSerializer(many=True), 404: ErrorSerializer},
    )
    def get(self, request: Request, pk: str) -> Response:
        """The order's log, from its first moment."""
        events = self.order(pk).events.order_by("sequence")
        return Response(OrderEventSerializer(events, many=True).data)


class OrderStatus(OrderView):
    serializer_class = OrderStatusSerializer

    @extend_schema(operation_id="orders_status", responses={200: OrderSerializer, **_REFUSED})
    def patch(self, request: Request, pk: str) -> Response:
        """Take an order out of the queue (CANCELLED), or put it back (WAITING)."""
        order = self.order(pk)
        wanted = self.validated()["status"]
        if order.status == wanted and order.never_sent:
            return self.answer(order)
        if wanted == Status.CANCELLED:
            return self.answer(queue.cancel_waiting(order, actor=self.actor))
        return self.answer(queue.restore(order, actor=self.actor))


class OrderExecute(OrderView):
    serializer_class = OrderExecuteSerializer

    @extend_schema(
        operation_id="orders_execute",
        parameters=[IDEMPOTENCY_KEY],
        responses={
            200: OrderSerializer,
            202: OrderSerializer,
            **_REFUSED,
            400: OrderErrorSerializer,
            502: OrderErrorSerializer,
        },
    )
    def post(self, request: Request, pk: str) -> Response:
        """Send an order that waits, and wait at most 10 seconds for the outcome."""
        order = self.order(pk)
        options = self.validated()
        queue.execute(order, actor=self.actor, version=options.get("version"))
        if options["wait"]:
            wait_for_outcome(order.pk)
        return _outcome(queue.get(order.pk))


def _outcome(order: Order) -> Response:
    """What became of an executed order; raises ApiError or Conflict when it was not sent."""
    status = Status(order.status)
    if status in (Status.QUEUED, Status.SENDING, Status.UNKNOWN):
        return Response(as_json(order), status=202)
    if status is Status.WAITING:
        reason = order.set_aside_reason or "The order was put back into the queue."
        raise _refusal(order, 400, "set_aside", reason)
    if status is Status.REJECTED_RISK:
        reasons = _denials(order)
        message = " ".join(reasons) or order.error_message
        raise _refusal(order, 400, status.value, message, {"risk": reasons})
    if status is Status.FAILED:
        raise _refusal(order, 502, status.value, order.error_message or "It was not placed.")
    if status in (Status.CANCELLED, Status.EXPIRED) and order.never_sent:
        raise Conflict(f"This order is {status}: it was not sent.", code=status.value)
    return Response(as_json(order))


def _denials(order: Order) -> list[str]:
    checks = (order.risk or {}).get("checks", [])
    return [check["message"] for check in checks if check["verdict"] == "DENY"]


def _refusal(
    order: Order,
    status: int,
    code: str,
    message: str,
    errors: dict[str, list[str]] | None = None,
) -> ApiError:
    extra = {"status": order.status, "order": as_json(order)}
    return ApiError(status, code, message, errors, extra)


class OrderCancel(OrderView):
    @extend_schema(
        operation_id="orders_cancel",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: OrderSerializer, 202: OrderSerializer, **_REFUSED},
    )
    def post(self, request: Request, pk: str) -> Response:
        """Cancel: at once while the order is here (200), at the broker once it is there (202)."""
        result = queue.cancel(self.order(pk), actor=self.actor)
        return self.answer(result.order, 202 if result.pending else 200)


class OrderRetry(OrderView):
    @extend_schema(
        operation_id="orders_retry",
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={201: OrderSerializer, **_REFUSED},
    )
    def post(self, request: Request, pk: str) -> Response:
        """A new order, linked to one that failed or was denied; it waits for a person."""
        return self.answer(queue.retry(self.order(pk), actor=self.actor), 201)


class OrderResolve(OrderView):
    serializer_class = OrderResolveSerializer

    @extend_schema(
        operation_id="orders_resolve",
        parameters=[IDEMPOTENCY_KEY],
        responses={200: OrderSerializer, **_REFUSED},
    )
    def post(self, request: Request, pk: str) -> Response:
        """Say what became of an order whose outcome is unknown."""
        order = self.order(pk)
        return self.answer(queue.resolve(order, actor=self.actor, **self.validated()))


class OrderModify(OrderView):
    serializer_class = OrderModifySerializer

    @extend_schema(
        operation_id="orders_modify",
        parameters=[IDEMPOTENCY_KEY],
        responses={202: OrderSerializer, **_REFUSED},
    )
    def post(self, request: Request, pk: str) -> Response:
        """Ask the broker to change an order that works there; the answer comes later."""
        order = self.order(pk)
        return self.answer(queue.modify(order, self.validated(), actor=self.actor), 202)
