"""POST /webhook/zerodha/postback: Kite says that an order moved. A hint; the book is the truth."""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseFault
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from brokers.models import BrokerConnection, BrokerName, BrokerQuestion, QuestionKind
from brokers.zerodha import postback
from brokers.zerodha.postback import BadPostback, Postback
from sigmatrader import clock
from sigmatrader.crypto import CryptoError
from sigmatrader.db import Busy
from trading.services import questions
from trading.webhooks import gate, transport
from trading.webhooks.gate import Junk
from trading.webhooks.transport import Refusal

logger = logging.getLogger(__name__)

_ACTOR = "postback"


@method_decorator([csrf_exempt, login_not_required], name="dispatch")
class ZerodhaPostback(View):
    """Takes Kite's postbacks. The checksum over the API secret is the authentication."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Wake the follower of the account that the postback names."""
        address: str = request.client_address  # type: ignore[attr-defined]
        try:
            return _take(request, address)
        except (Busy, DatabaseFault, CryptoError) as error:
            # Nothing is lost: the book is read within seconds in any case.
            logger.warning("a postback was not noted: %s", type(error).__name__)
            return JsonResponse({"status": "unavailable"}, status=503)

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = JsonResponse({"status": "rejected", "code": "method_not_allowed"}, status=405)
        response["Allow"] = "POST"
        return response


def _take(request: HttpRequest, address: str) -> HttpResponse:
    now = clock.now()
    if wait := gate.standing(address, now).wait(Junk.WRONG_CHECKSUM):
        response = JsonResponse({"status": "rejected", "code": "too_many_requests"}, status=429)
        response["Retry-After"] = str(wait)
        return response
    try:
        transport.check_size(request)
        told = postback.read(transport.read_body(request))
        connection = _owner(told)
    except Refusal as refusal:
        gate.count(address, Junk.UNREADABLE, now)
        return JsonResponse({"status": "rejected", "code": refusal.code}, status=refusal.status)
    except BadPostback as error:
        gate.count(address, Junk.WRONG_CHECKSUM, now)
        logger.warning("a postback from %s was refused: %s", address, error)
        return JsonResponse({"status": "rejected", "code": "invalid_postback"}, status=401)
    if postback.is_of_today(told, now):
        _hint(connection)
    return JsonResponse({"status": "ok"})


def _owner(told: Postback) -> BrokerConnection:
    """The account whose secret signed the postback; BadPostback when there is none."""
    same_user = BrokerConnection.objects.filter(
        broker_name=BrokerName.ZERODHA, user_id=told.user_id
    )
    for connection in same_user:
        if postback.is_genuine(told, connection.api_secret):
            return connection
    raise BadPostback("No account of ours has signed it.")


def _hint(connection: BrokerConnection) -> None:
    """Ask for the book, at most once a round: the follower looks anyway, and whoever has seen a
    genuine postback can send it again and again."""
    quiet = timedelta(seconds=settings.ST.RECONCILE_INTERVAL_SECONDS)
    recent = BrokerQuestion.objects.filter(
        connection=connection,
        kind=QuestionKind.SYNC_ORDERS,
        asked_by=_ACTOR,
        asked_at__gt=clock.now() - quiet,
    )
    if not recent.exists():
        questions.ask(connection, QuestionKind.SYNC_ORDERS, actor=_ACTOR)
