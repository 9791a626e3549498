"""The road to Kite: one host, no redirects, no retries, patience that ends.

A `requests` session that the official client sends through. What comes back is checked here, so
that the client's own reading never sees an answer that it would stumble over.
"""

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from brokers.errors import NotSent, NotSupported, OutcomeUnknown
from brokers.zerodha.answers import Answered, data_of
from brokers.zerodha.patience import Patience, PatientAdapter
from brokers.zerodha.skew import ClockSkew
from sigmatrader import clock

KITE_ROOT: Final = "https://api.kite.trade"

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
# A full day's book has some six megabytes, the instrument list ten.
_LARGEST_BODY: Final = 12 * 1024 * 1024
_LARGEST_LIST: Final = 64 * 1024 * 1024
_LONGEST_LINE: Final = 4 * 1024
_CHUNK: Final = 64 * 1024
# In timeouts. A whole exchange must end before the lease of the order that it is about.
_PATIENCE: Final = 2


def is_loopback(root: str) -> bool:
    """Whether `root` is on this machine, as a simulator's is."""
    try:
        return urlsplit(root).hostname in _LOOPBACK
    except ValueError:
        return False


def check_root(root: str, *, allow_other_root: bool = False) -> str:
    """`root` without a trailing slash; raises NotSupported where a token must not go."""
    bare = root.rstrip("/")
    try:
        parts = urlsplit(bare)
        valid = parts.port != 0
    except ValueError:
        parts, valid = urlsplit(""), False
    scheme_fits = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(bare))
    known = bare == KITE_ROOT or is_loopback(bare) or allow_other_root
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if not (valid and parts.hostname and scheme_fits and known and plain):
        raise NotSupported(
            f"The API address must be {KITE_ROOT} or a simulator on this machine, "
            "without a path behind the host."
        )
    return bare


class Parsed:
    """A success, in the form in which the official client reads it."""

    headers: Final = {"content-type": "application/json"}

    def __init__(self, status_code: int, data: Any) -> None:
        self.status_code = status_code
        self._data = data

    def json(self) -> dict[str, Any]:
        return {"data": self._data}


class Road(requests.Session):
    """Sends to `root` alone. `status`: the HTTP status of the last success.

    `timeout`: seconds for the connection, and for each silence. `patience`: seconds for a whole
    exchange, from the first look at the name to the last byte; twice the timeout unless given.
    `skew`: hears the Date of every answer.
    Raises Answered for an answer that is no success, NotSent when nothing can have arrived, and
    OutcomeUnknown for every other failure. No error carries the address that was asked: a logout
    has the token in it.
    """

    def __init__(
        self,
        root: str,
        timeout: float,
        patience: float | None = None,
        skew: ClockSkew | None = None,
    ) -> None:
        super().__init__()
        self.status = 0
        self._root = root
        self._timeout = timeout
        self._skew = skew
        self._patience = Patience(_PATIENCE * timeout if patience is None else patience)
        # Neither a proxy nor a .netrc of the environment: the token goes to the broker alone.
        self.trust_env = False
        for scheme in ("https://", "http://"):
            self.mount(scheme, PatientAdapter(self._patience))

    @contextmanager
    def asking(self, before_send: Callable[[], None] | None) -> Iterator[None]:
        """Ask `before_send` on each new connection in here, before its first byte.

        The NotSent that it raises is raised by the request. A request that is no GET always has a
        new connection.
        """
        self._patience.connected = before_send
        try:
            yield
        finally:
            self._patience.connected = None

    def request(self, method: str, url: str, **asked: Any) -> Any:  # type: ignore[override]
        if str(method).upper() != "GET":
            # A connection that was kept may be dead, and nobody could say what it delivered.
            self.close()
        response = self._send(method, url, **asked)
        with response:
            body = self._body(response)
        content_type = response.headers.get("content-type", "")
        data = data_of(response.status_code, content_type, body)
        self.status = response.status_code
        return Parsed(self.status, data)

    def lines(self, path: str, headers: dict[str, str]) -> Iterator[str]:
        """The lines of a text at `path`, as they arrive; raises as `request` does."""
        with self._send("GET", self._root + path, headers=headers) as response:
            content_type = response.headers.get("content-type", "")
            if response.status_code != 200 or "csv" not in content_type.lower():
                data_of(response.status_code, content_type, self._body(response))
                raise Answered(response.status_code, "", f"{content_type[:60]!r} instead of CSV")
            unfinished = b""
            for part in self._parts(response, _LARGEST_LIST):
                *lines, unfinished = (unfinished + part).split(b"\n")
                for line in lines:
                    # A byte that is no UTF-8 spoils its own line alone.
                    yield line.decode("utf-8", "replace").rstrip("\r")
                if len(unfinished) > _LONGEST_LINE:
                    raise OutcomeUnknown("Zerodha sent a list with a line of unreasonable length.")
            if unfinished:
                yield unfinished.decode("utf-8", "replace")

    def _body(self, response: requests.Response) -> bytes:
        return b"".join(self._parts(response, _LARGEST_BODY))

    def _parts(self, response: requests.Response, largest: int) -> Iterator[bytes]:
        """The body as it arrives, within `largest` bytes and the patience."""
        size = 0
        try:
            for part in response.iter_content(_CHUNK):
                size += len(part)
                if size > largest:
                    raise Answered(response.status_code, "", "an answer of unreasonable size")
                self._patience.left()
                yield part
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
        ) as error:
            raise _broken(error) from None

    def _send(self, method: str, url: str, **asked: Any) -> requests.Response:
        self._check(url)
        self._patience.begin()
        fixed = {
            "allow_redirects": False,
            "stream": True,
            "timeout": (self._timeout, self._timeout),
            "verify": True,
            "proxies": {},
        }
        begun = time.monotonic()
        try:
            response = super().request(method, url, **(asked | fixed))
        except requests.RequestException as error:
            raise _broken(error) from None
        if self._skew is not None:
            took = time.monotonic() - begun
            self._skew.note(response.headers.get("date"), clock.now(), took)
        return response

    def _check(self, url: str) -> None:
        # The client joins root and route; an odd route could name another host.
        if not url.startswith(self._root + "/"):
            raise NotSupported("A call to another address than the account's was stopped.")
        for adapter in self.adapters.values():
            retries = getattr(adapter, "max_retries", None)
            if retries is None or retries.total != 0:
                raise NotSupported("A connection that tries again by itself was stopped.")


def _broken(error: Exception) -> NotSent | OutcomeUnknown:
    """What a failure of the connection means; by its kind alone, never by its text."""
    why = _never_left(error)
    if why:
        return NotSent(f"Zerodha could not be reached: {why}.")
    if _took_too_long(error):
        return OutcomeUnknown("Zerodha did not answer in time.")
    return OutcomeUnknown(f"The connection to Zerodha broke ({type(error).__name__}).")


def _took_too_long(error: Exception) -> bool:
    """Also while a body was read, which `requests` reports as a break."""
    causes = (error, *error.args)
    kinds = (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)
    return any(isinstance(cause, kinds) for cause in causes)


def _never_left(error: Exception) -> str:
    """Why not a byte of the request can have left; "" when one may have."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if not isinstance(error, requests.ConnectionError):
        return ""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None) or cause
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return "its name could not be resolved"
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return "no connection"
    if isinstance(reason, urllib3.exceptions.SSLError) and any(
        isinstance(inner, ssl.SSLCertVerificationError) for inner in reason.args
    ):
        return "its certificate is not valid"
    return ""
