"""The official Kite Connect client, tamed: the one module that imports kiteconnect.

Every failure leaves here as an error of `brokers.errors`, or as None where Kite clearly knows
nothing by an id. No text of an error holds a secret.
"""

import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from brokers.errors import BrokerError, NotSupported, OutcomeUnknown, SessionExpired
from brokers.zerodha.answers import Answered, Call, classify, clean, says_absent
from brokers.zerodha.pace import shared
from brokers.zerodha.transport import KITE_ROOT, Road, check_root

Form = Mapping[str, str]

_HIDDEN: Final = "***"
_SHORTEST_SECRET: Final = 6  # Kite's have 16 and more; a shorter word is part of ordinary words
CREDENTIAL: Final = re.compile(r"[\x21-\x39\x3b-\x7e]*")  # no blank, no colon
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PRICES_A_CALL: Final = 500
_LIST_SECONDS: Final = 120.0  # the instrument list has ten megabytes, and is stored as it arrives


def _kite(api_key: str, access_token: str, root: str, timeout: float, road: Road) -> Any:
    """The official client on our road. Importing it costs about a second: it brings Twisted."""
    from kiteconnect import KiteConnect

    kite = KiteConnect(
        api_key=api_key,
        access_token=access_token or None,
        root=root,
        debug=False,
        timeout=timeout,
    )
    kite.reqsession.close()
    kite.reqsession = road
    # The client reads times for itself, and fails on a whole book for one odd time: ours are read
    # row by row.
    kite._format_response = lambda data: data
    return kite


class KiteClient:
    """Kite's calls for one account. Several threads may share it: they take turns.

    `timeout`: seconds to connect, and for each silence; a whole call takes at most twice that.
    `reads_per_second`: the pace of all reads of this app in this process, 0 for none. Orders,
    changes and cancels wait for no read.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str = "",
        *,
        root: str = KITE_ROOT,
        timeout: float = 7.0,
        allow_other_root: bool = False,
        reads_per_second: float = 0.0,
    ) -> None:
        self.root = check_root(root, allow_other_root=allow_other_root)
        if not api_key or not CREDENTIAL.fullmatch(api_key):
            raise NotSupported("The API key of this account is missing or malformed.")
        if not CREDENTIAL.fullmatch(access_token):
            raise SessionExpired("The stored session is malformed: log in again.")
        self._secrets = {api_key, access_token}
        self._lock = threading.Lock()
        self._shared = shared(self.root, api_key, reads_per_second)
        self._road = Road(self.root, timeout, skew=self._shared.skew)
        self._kite = _kite(api_key, access_token, self.root, timeout, self._road)

    def __repr__(self) -> str:
        return f"KiteClient({self.root!r})"

    def clock_skew(self) -> Decimal | None:
        """Our clock less Kite's in seconds, as the answers to this process tell."""
        return self._shared.skew.seconds()

    # -- orders ----------------------------------------------------------------------------

    def place(
        self, variety: str, form: Form, before_send: Callable[[], None] | None = None
    ) -> tuple[str, str]:
        """Place an order once: its id, and what was odd about the answer ("" for nothing).

        `before_send` is asked between the connection and the first byte; it may raise NotSent.
        """
        return self._placed(lambda: self._kite.place_order(_word(variety), **form), before_send)

    def modify(self, variety: str, order_id: str, form: Form) -> None:
        """Ask for a change; the order's history tells whether it came about."""
        self._changed(lambda: self._kite.modify_order(_word(variety), _word(order_id), **form))

    def cancel(self, variety: str, order_id: str) -> None:
        self._changed(lambda: self._kite.cancel_order(_word(variety), _word(order_id)))

    def orders(self) -> Any:
        """The day's book, as rows."""
        return self._read(self._kite.orders)

    def trades(self) -> Any:
        """The day's trades, as rows."""
        return self._read(self._kite.trades)

    def order_history(self, order_id: str) -> Any | None:
        """Every state of one order, the last one now; None when Kite knows no such order."""
        return self._read_one(order_id, lambda: self._kite.order_history(order_id))

    def order_trades(self, order_id: str) -> Any:
        return self._read(lambda: self._kite.order_trades(_word(order_id)))

    # -- triggers --------------------------------------------------------------------------

    def place_trigger(
        self, terms: Mapping[str, Any], before_send: Callable[[], None] | None = None
    ) -> tuple[str, str]:
        """Place a GTT once: its id, and what was odd about the answer."""
        return self._placed(lambda: self._kite.place_gtt(**terms)["trigger_id"], before_send)

    def cancel_trigger(self, trigger_id: str) -> None:
        self._changed(lambda: self._kite.delete_gtt(_word(trigger_id))["trigger_id"])

    def triggers(self) -> Any:
        """The GTTs that rest, and those of the last seven days, as rows."""
        return self._read(self._kite.get_gtts)

    def trigger(self, trigger_id: str) -> Any | None:
        """One GTT's row; None when Kite knows no such trigger."""
        return self._read_one(trigger_id, lambda: self._kite.get_gtt(trigger_id))

    # -- the account -----------------------------------------------------------------------

    def positions(self) -> Any:
        return self._read(self._kite.positions)

    def holdings(self) -> Any:
        return self._read(self._kite.holdings)

    def margins(self) -> Any:
        return self._read(self._kite.margins)

    def profile(self) -> Any:
        return self._read(self._kite.profile)

    def order_margins(self, orders: Sequence[Mapping[str, Any]]) -> Any:
        """What orders would take; a refusal says why they can't be placed. Places nothing."""
        self._shared.pace.wait()
        return self._call(Call.PLACE, lambda: self._kite.order_margins(list(orders)))

    def contract_note(self, orders: Sequence[Mapping[str, Any]]) -> Any:
        """What executed orders cost; a refusal says of which it can't be told. Places nothing."""
        self._shared.pace.wait()
        return self._call(Call.PLACE, lambda: self._kite.get_virtual_contract_note(list(orders)))

    def last_prices(self, names: Collection[str]) -> dict[str, Any]:
        """Last prices by EXCHANGE:SYMBOL; names that Kite does not know are absent."""
        return self._quoted(self._kite.ltp, names)

    def quotes(self, names: Collection[str]) -> dict[str, Any]:
        """Whole quotes, with the day's circuits, in the form of `last_prices`."""
        return self._quoted(self._kite.quote, names)

    def _quoted(self, ask: Callable[..., Any], names: Collection[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        wanted = list(names)
        for start in range(0, len(wanted), _PRICES_A_CALL):
            answer = self._read(partial(ask, wanted[start : start + _PRICES_A_CALL]))
            if not isinstance(answer, dict):
                raise OutcomeUnknown("Zerodha's prices could not be read.")
            found |= answer
        return found

    def instrument_lines(self) -> Iterator[str]:
        """The instrument list, line by line as it arrives, on a connection of its own."""
        kite = self._kite
        headers = {
            "X-Kite-Version": kite.kite_header_version,
            "Authorization": f"token {kite.api_key}:{kite.access_token}",
        }
        self._shared.pace.wait()
        with Road(self.root, kite.timeout, _LIST_SECONDS) as road:
            try:
                yield from road.lines("/instruments", headers)
            except Answered as error:
                raise self._classed(Call.READ, error) from None

    # -- the session -----------------------------------------------------------------------

    def exchange(self, request_token: str, api_secret: str) -> Any:
        """The session that a login's request token stands for; each token works once."""
        self._secrets |= {request_token, api_secret}
        return self._read(lambda: self._kite.generate_session(request_token, api_secret))

    def revoke(self) -> None:
        """End the session at the broker."""
        self._read(self._kite.invalidate_access_token)

    # -- how a call is made ----------------------------------------------------------------

    def _placed(
        self, call: Callable[[], Any], before_send: Callable[[], None] | None
    ) -> tuple[str, str]:
        with self._lock, self._road.asking(before_send):
            number = self._guarded(Call.PLACE, call)
            status = self._road.status
        if isinstance(number, int) and not isinstance(number, bool):
            number = str(number)
        if not isinstance(number, str) or not _ID.fullmatch(number):
            raise OutcomeUnknown("Zerodha took the order and gave no usable id for it.")
        odd = "" if status == 200 else f"Zerodha answered HTTP {status} with an id."
        return number, odd

    def _changed(self, call: Callable[[], Any]) -> None:
        self._call(Call.CHANGE, call)

    def _read(self, call: Callable[[], Any]) -> Any:
        self._shared.pace.wait()  # without the lock, so that an order goes first
        return self._call(Call.READ, call)

    def _read_one(self, number: str, call: Callable[[], Any]) -> Any | None:
        if not _ID.fullmatch(number):
            return None

        def asked() -> Any | None:
            try:
                return call()
            except Answered as error:
                if says_absent(error):
                    return None
                raise

        return self._read(asked)

    def _call(self, kind: Call, call: Callable[[], Any]) -> Any:
        with self._lock:
            self._road.status = 200
            answer = self._guarded(kind, call)
            if self._road.status != 200:
                raise OutcomeUnknown(
                    f"Zerodha answered with a success under HTTP {self._road.status}."
                )
            return answer

    def _guarded(self, kind: Call, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Answered as error:
            raise self._classed(kind, error) from None
        except BrokerError:
            raise
        except Exception as error:  # noqa: BLE001
            # The client's own reading of an odd body: KeyError, TypeError and the like.
            raise OutcomeUnknown(
                f"Zerodha's answer could not be read ({type(error).__name__})."
            ) from None

    def _classed(self, kind: Call, error: Answered) -> BrokerError:
        return classify(kind, error.status, error.error_type, self._redacted(error.message))

    def _redacted(self, text: str) -> str:
        """`text` without our secrets, as they are and as an address spells them."""
        for secret in self._secrets:
            if len(secret) < _SHORTEST_SECRET:
                continue
            text = text.replace(secret, _HIDDEN).replace(quote(secret, safe=""), _HIDDEN)
        return clean(text)


def _word(value: str) -> str:
    """A part of an address: the client puts it there as it is."""
    if not _ID.fullmatch(value):
        raise NotSupported("An order or trigger id is malformed.")
    return value
