"""Kite Connect's paths: which call a request is, and its answer.

Everything here is quick and knows nothing of sockets: a request in, a response out.
"""

import gzip
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from brokers.simulator import limits
from brokers.simulator.errors import KiteError, general_error, input_error, token_error
from brokers.simulator.login import BAD_TOKEN

if TYPE_CHECKING:
    from brokers.simulator.exchange import Exchange
    from brokers.simulator.server import KiteSimulator

log = logging.getLogger(__name__)

JSON = "application/json"
CSV = "text/csv"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
QUOTE_LIMITS = {"quote": 500, "ohlc": 1000, "ltp": 1000}
_AUTHORIZATION = re.compile(r"token (\w+):(\w+)")


@dataclass(frozen=True)
class Response:
    """An answer. `content_type` None leaves the header out."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Request:
    """What arrived. `headers` have lower-case names; `body` is filled in once it was read."""

    method: str
    target: str
    headers: dict[str, str]
    ip: str
    body: bytes = b""
    arguments: dict[str, str] = field(default_factory=dict)

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a form body, or of the query where there is no body."""
        if self.method in ("GET", "DELETE"):
            return dict(self.query)
        try:
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        except UnicodeDecodeError:
            raise input_error("The form is not UTF-8.") from None

    def json(self) -> Any:
        """The JSON body. KiteError when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise input_error("Invalid JSON in the request body.") from None


@dataclass(frozen=True)
class Account:
    """The user that a request speaks for, and that user's exchange."""

    user_id: str
    exchange: "Exchange"


Handler = Callable[["KiteSimulator", Account, Request], Any]


@dataclass(frozen=True)
class Route:
    """A call of Kite Connect: its name in fault plans and journal, its limit, its handler."""

    call: str
    method: str
    pattern: re.Pattern[str]
    limit: str
    handler: Handler
    public: bool = False


def success(data: Any) -> Response:
    """`{"status": "success", "data": …}`."""
    return Response(200, _dump({"status": "success", "data": data}))


def failure(error: KiteError) -> Response:
    """Kite's form of a refusal."""
    body = {
        "status": "error",
        "message": error.message,
        "data": error.data,
        "error_type": error.error_type,
    }
    return Response(error.status, _dump(body))


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def find(request: Request) -> Route | KiteError:
    """The route of a request, its path's arguments filled in; or why there is none."""
    known_path = False
    for route in ROUTES:
        matched = route.pattern.fullmatch(request.path)
        if matched is None:
            continue
        if route.method == request.method:
            request.arguments = {k: unquote(v) for k, v in matched.groupdict().items() if v}
            return route
        known_path = True
    if known_path:
        return KiteError("Method not allowed.", "GeneralException", 405)
    return KiteError("Route not found", "GeneralException", 404)


def answer(simulator: "KiteSimulator", route: Route, request: Request) -> Response:
    """Authenticate, count against the limits, run the call. Never raises."""
    try:
        if route.public:
            account = Account("", simulator.exchange)
        else:
            account = authenticate(simulator, request)
        # Without a user the address stands for the account.
        simulator.limits.check(account.user_id or request.ip, route.limit)
        result = route.handler(simulator, account, request)
    except KiteError as error:
        return failure(error)
    except Exception:
        # A fault of the simulator itself must look like one and not like a closed connection.
        log.exception("%s %s", request.method, request.path)
        return failure(general_error("Something unexpected happened in the simulator."))
    return result if isinstance(result, Response) else success(result)


def authenticate(simulator: "KiteSimulator", request: Request) -> Account:
    """The account of the Authorization header. KiteError 400 without one, 403 for a bad one."""
    header = request.headers.get("authorization", "")
    if not header:
        raise input_error("Invalid `api_key` or `access_token`.")
    matched = _AUTHORIZATION.fullmatch(header)
    if matched is None:
        raise token_error()
    user_id = simulator.sessions.check(matched[1], matched[2])
    return Account(user_id, simulator.exchanges[user_id])


# Sessions and the user


def _token(simulator: "KiteSimulator", _: Account, request: Request) -> dict[str, Any]:
    form = request.form
    for name in ("api_key", "request_token", "checksum"):
        if not form.get(name):
            raise input_error(f"Missing or empty field `{name}`")
    session = simulator.sessions.exchange(form["api_key"], form["request_token"], form["checksum"])
    return {
        **simulator.exchanges[session.user_id].profile(),
        "api_key": form["api_key"],
        "access_token": session.access_token,
        "public_token": session.public_token,
        "enctoken": session.enctoken,
        "refresh_token": "",
        "silo": "",
        "login_time": session.login_time.strftime(TIME_FORMAT),
    }


def _logout(simulator: "KiteSimulator", _: Account, request: Request) -> bool:
    form = request.form
    simulator.sessions.check(form.get("api_key", ""), form.get("access_token", ""))
    simulator.sessions.end(form["access_token"])
    return True


def _renew(_: "KiteSimulator", __: Account, ___: Request) -> None:
    # Individuals are given no refresh token, so none can be right.
    raise token_error(BAD_TOKEN)


def _profile(_: "KiteSimulator", account: Account, __: Request) -> dict[str, Any]:
    return account.exchange.profile()


def _margins(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    return account.exchange.margins(request.arguments.get("segment"))


# Orders


def _place(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    form, variety = request.form, request.arguments["variety"]
    if form.get("autoslice", "").lower() == "true":
        return account.exchange.place_autoslice(variety, form, ip=request.ip)
    return {"order_id": account.exchange.place(variety, form, ip=request.ip)}


def _modify(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    arguments = request.arguments
    return {
        "order_id": account.exchange.modify(
            arguments["variety"], arguments["order_id"], request.form
        )
    }


def _cancel(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    arguments = request.arguments
    return {"order_id": account.exchange.cancel(arguments["variety"], arguments["order_id"])}


def _orders(_: "KiteSimulator", account: Account, __: Request) -> list[dict[str, Any]]:
    return account.exchange.orders()


def _order(_: "KiteSimulator", account: Account, request: Request) -> list[dict[str, Any]]:
    return account.exchange.order_history(request.arguments["order_id"])


def _trades(_: "KiteSimulator", account: Account, __: Request) -> list[dict[str, Any]]:
    return account.exchange.trades()


def _order_trades(_: "KiteSimulator", account: Account, request: Request) -> list[dict[str, Any]]:
    return account.exchange.order_trades(request.arguments["order_id"])


# Portfolio


def _positions(_: "KiteSimulator", account: Account, __: Request) -> dict[str, Any]:
    return account.exchange.positions()


def _convert(_: "KiteSimulator", account: Account, request: Request) -> bool:
    return account.exchange.convert_position(request.form)


def _holdings(_: "KiteSimulator", account: Account, __: Request) -> list[dict[str, Any]]:
    return account.exchange.holdings()


def _auctions(_: "KiteSimulator", __: Account, ___: Request) -> list[dict[str, Any]]:
    # An auction follows a failed delivery; none fails here.
    return []


def _authorise(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    return account.exchange.authorise_holdings(request.form)


# GTT


def _gtts(_: "KiteSimulator", account: Account, __: Request) -> list[dict[str, Any]]:
    return account.exchange.gtts()


def _gtt(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    return account.exchange.gtt(int(request.arguments["trigger_id"]))


def _gtt_place(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    return {"trigger_id": account.exchange.gtt_place(request.form)}


def _gtt_modify(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    trigger_id = int(request.arguments["trigger_id"])
    return {"trigger_id": account.exchange.gtt_modify(trigger_id, request.form)}


def _gtt_delete(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    return {"trigger_id": account.exchange.gtt_delete(int(request.arguments["trigger_id"]))}


# Margins and charges of orders not placed


def _order_list(request: Request) -> list[dict[str, Any]]:
    orders = request.json()
    if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
        raise input_error("The request body must be a JSON list of orders.")
    return orders


def _order_margins(_: "KiteSimulator", account: Account, request: Request) -> Any:
    compact = dict(request.query).get("mode") == "compact"
    return account.exchange.order_margins(_order_list(request), compact)


def _basket_margins(_: "KiteSimulator", account: Account, request: Request) -> Any:
    consider = dict(request.query).get("consider_positions", "").lower() == "true"
    return account.exchange.basket_margins(_order_list(request), consider)


def _charges(_: "KiteSimulator", account: Account, request: Request) -> list[dict[str, Any]]:
    return account.exchange.charges(_order_list(request))


# Market


def _quote(_: "KiteSimulator", account: Account, request: Request) -> dict[str, Any]:
    mode = request.arguments.get("mode", "quote")
    keys = [value for name, value in request.query if name == "i"]
    if not keys:
        raise input_error("Missing or empty field `i`")
    if len(keys) > QUOTE_LIMITS[mode]:
        raise input_error(f"Maximum {QUOTE_LIMITS[mode]} instruments are allowed in a request.")
    return account.exchange.quotes(keys, mode)


def _instruments(_: "KiteSimulator", account: Account, request: Request) -> Response:
    lines = account.exchange.instruments_csv(request.arguments.get("exchange"))
    body = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).encode()
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(200, body, CSV, (("Vary", "Accept-Encoding"),))
    headers = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Response(200, gzip.compress(body, compresslevel=5), CSV, headers)


def _route(
    call: str, method: str, path: str, handler: Handler, *, limit: str = "", public: bool = False
) -> Route:
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
    return Route(call, method, pattern, limit or limits.OTHER, handler, public)


ROUTES = (
    _route("place", "POST", "/orders/{variety}", _place, limit=limits.ORDER),
    _route("modify", "PUT", "/orders/{variety}/{order_id}", _modify, limit=limits.ORDER),
    _route("cancel", "DELETE", "/orders/{variety}/{order_id}", _cancel),
    _route("orders", "GET", "/orders", _orders),
    _route("order", "GET", "/orders/{order_id}", _order),
    _route("order_trades", "GET", "/orders/{order_id}/trades", _order_trades),
    _route("trades", "GET", "/trades", _trades),
    _route("positions", "GET", "/portfolio/positions", _positions),
    _route("convert", "PUT", "/portfolio/positions", _convert),
    _route("holdings", "GET", "/portfolio/holdings", _holdings),
    _route("auctions", "GET", "/portfolio/holdings/auctions", _auctions),
    _route("authorise", "POST", "/portfolio/holdings/authorise", _authorise),
    _route("profile", "GET", "/user/profile", _profile),
    _route("margins", "GET", "/user/margins", _margins),
    _route("margins", "GET", "/user/margins/{segment}", _margins),
    _route("gtts", "GET", "/gtt/triggers", _gtts),
    _route("gtt_place", "POST", "/gtt/triggers", _gtt_place),
    _route("gtt", "GET", r"/gtt/triggers/(?P<trigger_id>\d+)", _gtt),
    _route("gtt_modify", "PUT", r"/gtt/triggers/(?P<trigger_id>\d+)", _gtt_modify),
    _route("gtt_delete", "DELETE", r"/gtt/triggers/(?P<trigger_id>\d+)", _gtt_delete),
    _route("order_margins", "POST", "/margins/orders", _order_margins),
    _route("basket_margins", "POST", "/margins/basket", _basket_margins),
    _route("charges", "POST", "/charges/orders", _charges),
    _route("quote", "GET", "/quote", _quote, limit=limits.QUOTE),
    _route("quote", "GET", "/quote/(?P<mode>ohlc|ltp)", _quote, limit=limits.QUOTE),
    # Anyone may load the list of instruments.
    _route("instruments", "GET", "/instruments", _instruments, public=True),
    _route("instruments", "GET", "/instruments/{exchange}", _instruments, public=True),
    _route("token", "POST", "/session/token", _token, public=True),
    _route("logout", "DELETE", "/session/token", _logout, public=True),
    _route("renew", "POST", "/session/refresh_token", _renew, public=True),
    _route("renew", "DELETE", "/session/refresh_token", _renew, public=True),
)
