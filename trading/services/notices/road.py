"""The one place that speaks to messengers, by the library Apprise, which is loaded when needed.

An address is a secret: nothing here logs it, and what is said of a failure holds no part of it.
Services are those of a list, all over the network. Of the library only the module of the address's
own service is loaded, so that what acts on this machine (files, the desktop, syslog) is not there.
"""

import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any, Final
from urllib.parse import unquote

from trading.domain.notices import Message

logger = logging.getLogger(__name__)

# For a whole message, from the name's look-up to the last byte of the answer.
SEND_SECONDS: Final = 20.0
LONGEST_ADDRESS: Final = 1000
_MOST_UNANSWERED: Final = 2  # sends to one address that still run though nobody waits any more
_SHOWN: Final = 300  # characters of what the library says of a failure
# Arguments of an address that name files or keys: nothing of this machine is read for a message.
REFUSED_ARGUMENTS: Final = frozenset(
    {"template", "attach", "filename", "pgp", "pgppub", "pgpkey", "pgpprv", "wkd"}
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that the list allows. `module` and `plugin`: of the library."""

    name: str
    module: str
    plugin: str


_TELEGRAM = Service("Telegram", "telegram", "NotifyTelegram")
_EMAIL = Service("E-mail", "email.base", "NotifyEmail")
_NTFY = Service("ntfy", "ntfy", "NotifyNtfy")
_SLACK = Service("Slack", "slack", "NotifySlack")
_DISCORD = Service("Discord", "discord", "NotifyDiscord")
_GOTIFY = Service("Gotify", "gotify", "NotifyGotify")
_MATTERMOST = Service("Mattermost", "mattermost", "NotifyMattermost")
_ROCKET = Service("Rocket.Chat", "rocketchat", "NotifyRocketChat")
_SIGNAL = Service("Signal", "signal_api", "NotifySignalAPI")
_TEAMS = Service("Microsoft Teams", "workflows", "NotifyWorkflows")
_GOOGLE = Service("Google Chat", "google_chat", "NotifyGoogleChat")
_BARK = Service("Bark", "bark", "NotifyBark")
_JSON = Service("a web server (JSON)", "custom_json", "NotifyJSON")
SERVICES: Final[dict[str, Service]] = {
    "tgram": _TELEGRAM,
    "mailto": _EMAIL,
    "mailtos": _EMAIL,
    "ntfy": _NTFY,
    "ntfys": _NTFY,
    "slack": _SLACK,
    "discord": _DISCORD,
    "gotify": _GOTIFY,
    "gotifys": _GOTIFY,
    "mmost": _MATTERMOST,
    "mmosts": _MATTERMOST,
    "rocket": _ROCKET,
    "rockets": _ROCKET,
    "signal": _SIGNAL,
    "signals": _SIGNAL,
    "workflow": _TEAMS,
    "workflows": _TEAMS,
    "gchat": _GOOGLE,
    "zulip": Service("Zulip", "zulip", "NotifyZulip"),
    "pover": Service("Pushover", "pushover", "NotifyPushover"),
    "pbul": Service("Pushbullet", "pushbullet", "NotifyPushBullet"),
    "prowl": Service("Prowl", "prowl", "NotifyProwl"),
    "bark": _BARK,
    "barks": _BARK,
    "spush": Service("SimplePush", "simplepush", "NotifySimplePush"),
    "twilio": Service("Twilio", "twilio", "NotifyTwilio"),
    "pagerduty": Service("PagerDuty", "pagerduty", "NotifyPagerDuty"),
    "opsgenie": Service("Opsgenie", "opsgenie", "NotifyOpsgenie"),
    "mailgun": Service("Mailgun", "mailgun", "NotifyMailgun"),
    "sendgrid": Service("SendGrid", "sendgrid", "NotifySendGrid"),
    "smtp2go": Service("SMTP2GO", "smtp2go", "NotifySMTP2Go"),
    "resend": Service("Resend", "resend", "NotifyResend"),
    "json": _JSON,
    "jsons": _JSON,
}
# These give out web addresses that can be pasted as they are.
_PASTED: Final = (_SLACK, _DISCORD, _TEAMS, _GOOGLE)


class BadAddress(ValueError):
    """No address that notices can be sent to; the text says why and what to do."""


class NotDelivered(Exception):
    """The message did not arrive, or nobody knows whether it did; the text holds no secret."""


def scheme_of(address: str) -> str:
    """The scheme of the service that the address means: tgram, mailtos, ...

    Raises BadAddress.
    """
    return _plugin_of(address.strip())[0]


def service_name(scheme: str) -> str:
    """How people call the service: Telegram for tgram."""
    service = SERVICES.get(scheme)
    return service.name if service is not None else scheme


def send(address: str, message: Message, seconds: float = SEND_SECONDS) -> None:
    """Send one message and wait for the outcome, at most so long.

    Raises BadAddress or NotDelivered. A send that takes longer goes on by itself; what becomes of
    it is not known.
    """
    scheme, plugin = _plugin_of(address.strip())
    unanswered = _unanswered_of(address)
    if not unanswered.acquire(blocking=False):
        raise NotDelivered(f"{service_name(scheme)} has not answered earlier messages yet.")
    answer: SimpleQueue[str] = SimpleQueue()

    def run() -> None:
        try:
            answer.put(_delivered(plugin, message))
        finally:
            unanswered.release()

    threading.Thread(target=run, name=f"notice-{scheme}", daemon=True).start()
    try:
        problem = answer.get(timeout=seconds)
    except Empty:
        raise NotDelivered(f"{service_name(scheme)} did not answer in {seconds:g} s.") from None
    if problem:
        raise NotDelivered(_without_secrets(problem, address))


_unanswered: dict[str, threading.BoundedSemaphore] = {}
_unanswered_lock = threading.Lock()


def _unanswered_of(address: str) -> threading.BoundedSemaphore:
    """One for each address, so that a service that hangs keeps no other waiting."""
    key = hashlib.sha256(address.encode()).hexdigest()
    with _unanswered_lock:
        return _unanswered.setdefault(key, threading.BoundedSemaphore(_MOST_UNANSWERED))


def _delivered(plugin: Any, message: Message) -> str:
    """Send by `plugin`; what went wrong in the library's words, "" when nothing did."""
    apprise = _library()
    sender = apprise.Apprise(asset=plugin.asset)
    sender.add(plugin)
    with _said() as said:
        try:
            sent = sender.notify(
                body=message.body, title=message.title, body_format=apprise.NotifyFormat.TEXT
            )
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            return f"The message could not be sent ({type(error).__name__})."
    return "" if sent else (" ".join(said) or "The service did not take the message.")


def _plugin_of(address: str) -> tuple[str, Any]:
    """The scheme, and the library's plugin for the address, ready to send. Raises BadAddress."""
    if len(address) > LONGEST_ADDRESS:
        raise BadAddress("The address is too long.")
    parsed = _parsed(address)
    scheme = str(parsed["schema"])
    given = {str(name).lower() for name in parsed.get("qsd", {})}
    if refused := sorted(given & REFUSED_ARGUMENTS):
        raise BadAddress(f"Leave out “{refused[0]}”: addresses may not name files or keys.")
    with _said() as said:
        try:
            # A service that takes less in a message gets several.
            arguments = {"overflow": "split", **parsed, "asset": _asset(), "redirect": False}
            plugin = _class_of(SERVICES[scheme])(**arguments)
        except TypeError:
            text = " ".join(said) or "Something is missing, or not as it has to be."
            name = service_name(scheme)
            raise BadAddress(f"{name}: {_without_secrets(text, address)}") from None
    if scheme == "tgram" and not plugin.targets:
        # The library would ask the bot who wrote to it, and send to them: anybody may.
        raise BadAddress("Telegram: say which chat, as in tgram://BOT-TOKEN/CHAT-ID.")
    return scheme, plugin


def _parsed(address: str) -> dict[str, Any]:
    scheme, separator, _ = address.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise BadAddress("An address begins with the service and “://”, as in tgram://…")
    if scheme == "https":
        for service in _PASTED:
            if parsed := _class_of(service).parse_native_url(address):
                return dict(parsed)
    service_of_scheme = SERVICES.get(scheme)
    if service_of_scheme is None:
        raise BadAddress(
            f"Notices can't go to “{scheme[:20]}”: take one of the services in the examples."
        )
    with _said():
        parsed = _class_of(service_of_scheme).parse_url(address)
    if not parsed:
        raise BadAddress(
            f"This is no address of {service_of_scheme.name}: compare it with the example."
        )
    return dict(parsed)


def _class_of(service: Service) -> Any:
    _library()
    return getattr(import_module(f"apprise.plugins.{service.module}"), service.plugin)


def _library() -> ModuleType:
    """Apprise, whose log goes nowhere: it may hold parts of addresses."""
    log = logging.getLogger("apprise")
    log.propagate = False
    if not any(isinstance(one, _Sayings) for one in log.handlers):
        log.handlers = [_sayings]
    log.setLevel(logging.WARNING)
    return import_module("apprise")


def _asset() -> Any:
    """Nothing on this machine is read or kept, no picture is fetched, no redirect is followed."""
    apprise = _library()
    return apprise.AppriseAsset(
        app_id="SigmaTrader",
        app_desc="SigmaTrader notices",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        timezone="Asia/Kolkata",
    )


# -- what the library says ---------------------------------------------------------------------


class _Sayings(logging.Handler):
    """Keeps the library's warnings for the thread that asked for them, and drops the others."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        said: list[str] | None = getattr(self.here, "said", None)
        if said is not None:
            said.append(record.getMessage())


_sayings = _Sayings()


@contextmanager
def _said() -> Iterator[list[str]]:
    """What the library says meanwhile, in this thread."""
    said: list[str] = []
    _sayings.here.said = said
    try:
        yield said
    finally:
        _sayings.here.said = None


def _without_secrets(text: str, address: str) -> str:
    """`text` without any part of the address."""
    _, _, rest = address.partition("://")
    parts = {
        part
        for form in (rest, unquote(rest))
        for pattern in (r"[/?&=,@\s]+", r"[^\w.-]+", r"[\W_]+")
        for part in re.split(pattern, form)
        if len(part) > 3
    }
    for part in sorted(parts, key=len, reverse=True):
        text = re.sub(re.escape(part), "…", text, flags=re.IGNORECASE)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
