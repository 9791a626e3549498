"""Prometheus metrics, read from the database at each scrape: right with any number of processes."""

import ipaddress
import logging
from collections.abc import Iterator

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from sigmatrader import clock
from sigmatrader.middleware import client_address
from trading.domain.order import Status
from trading.models import Alert, Fill, IntakeCounter, Order, WorkerHeartbeat

logger = logging.getLogger(__name__)

Metric = CounterMetricFamily | GaugeMetricFamily


class DatabaseCollector:
    """Counts by status and outcome, the age of the worker's heartbeat, the queue's length."""

    def collect(self) -> Iterator[Metric]:
        yield from self._orders()
        yield self._alerts()
        yield self._refused_requests()
        yield CounterMetricFamily(
            "sigmatrader_fills", "Executions booked.", value=Fill.objects.count()
        )
        yield self._worker()

    def _orders(self) -> Iterator[Metric]:
        orders = GaugeMetricFamily(
            "sigmatrader_orders", "Orders by status and book.", labels=["status", "book"]
        )
        counted = Order.objects.values_list("status", "simulated").annotate(Count("pk")).order_by()
        known = {(status, simulated): count for status, simulated, count in counted}
        for status in Status:
            for simulated, book in ((True, "paper"), (False, "live")):
                orders.add_metric([status.value, book], known.get((status.value, simulated), 0))
        yield orders

    def _alerts(self) -> Metric:
        alerts = CounterMetricFamily("sigmatrader_alerts", "Alerts stored.", labels=["outcome"])
        counted = dict(Alert.objects.values_list("outcome").annotate(Count("pk")).order_by())
        for outcome in Alert.Outcome.values:
            alerts.add_metric([outcome.lower()], counted.get(outcome, 0))
        duplicates = Alert.objects.aggregate(total=Sum("duplicate_count"))["total"] or 0
        alerts.add_metric(["duplicate"], duplicates)
        return alerts

    def _refused_requests(self) -> Metric:
        refused = GaugeMetricFamily(
            "sigmatrader_refused_requests",
            "Webhook requests counted and not stored, in the last 30 days.",
            labels=["kind"],
        )
        for kind, total in (
            IntakeCounter.objects.values_list("kind").annotate(Sum("count")).order_by("kind")
        ):
            refused.add_metric([kind], total)
        return refused

    def _worker(self) -> Metric:
        newest = WorkerHeartbeat.objects.filter(stopped_at__isnull=True).first()
        age = (clock.now() - newest.beat_at).total_seconds() if newest else float("nan")
        return GaugeMetricFamily(
            "sigmatrader_worker_heartbeat_age_seconds",
            "Seconds since a worker was last seen.",
            value=age,
        )


def _may_read(request: HttpRequest) -> bool:
    """A request from this machine itself, or one with a REST token."""
    direct = "HTTP_X_FORWARDED_FOR" not in request.META
    if direct and ipaddress.ip_address(client_address(request)).is_loopback:
        return True
    try:
        return TokenAuthentication().authenticate(Request(request)) is not None
    except AuthenticationFailed:
        return False


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics as Prometheus reads them; 403 for strangers."""
    if not _may_read(request):
        return HttpResponse("Send a REST token.\n", status=403, content_type="text/plain")
    registry = CollectorRegistry()
    try:
        registry.register(DatabaseCollector())
        text = generate_latest(registry)
    except DatabaseError as error:
        logger.error("metrics can't be read: %s", error)
        return HttpResponse("The database does not answer.\n", status=503)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
