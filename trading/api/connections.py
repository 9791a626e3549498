"""`?connection=`: which account a call is about."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from brokers.connections import NotChosen, choose
from brokers.models import BrokerConnection
from trading.api.errors import ApiError

CONNECTION = OpenApiParameter(
    "connection",
    str,
    description="An account, by name or id. Without it: the default account at Zerodha, or the "
    "only one.",
)


def chosen_connection(request: Request) -> BrokerConnection:
    """The account that the call names; 404 when there is none such, 400 when it must name one."""
    try:
        return choose(request.query_params.get("connection", ""))
    except NotChosen as error:
        if error.absent:
            raise NotFound(str(error)) from None
        raise ApiError(400, "connection_needed", str(error), {"connection": [str(error)]}) from None
