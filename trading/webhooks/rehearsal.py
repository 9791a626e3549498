"""What would become of an alert message now: read, planned and judged as if it had arrived.

Everything is done in a transaction that is taken back, so nothing is stored, sent or woken.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from risk.engine.evaluate import Decision
from sigmatrader.db import write_transaction
from trading.domain.order import Status
from trading.domain.signal import Intent, Signal
from trading.models import Alert, Order, Strategy
from trading.services import intake, queue, webhook_secrets
from trading.services.connections import connection_for
from trading.services.plan import Envelope
from trading.webhooks import payload
from trading.webhooks.payload import Document, Ignored, Probe, Rejection
from trading.webhooks.reading import MAX_BYTES
from trading.webhooks.secret import BLANK

_SECRET_MISSING = "The message has no secret: TradingView's would be refused with 401."
_SECRET_WRONG = "The secret in the message is not the right one: it would be refused with 401."


_NOT_A_TEST = (
    "Sent now, this message would act on a live account by itself, so it was not sent. Set the "
    "strategy to MANUAL or PAPER first, or only look what it would do."
)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`outcome`: accepted, duplicate, ignored, rejected, conflict or a connection test (ok).

    `errors` are by field, with the fix. `order` and `decision` are of an accepted alert; the order
    is stored nowhere. `notes`: what else a person should know of the message. `shown` is the
    message with its secret blanked.
    """

    outcome: str
    code: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    order: Order | None = None
    decision: Decision | None = None
    duplicate_of: int | None = None
    shown: str = ""


class _TakenBack(Exception):
    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal


def rehearse(text: str, now: datetime, *, again: int | None = None) -> Rehearsal:
    """What the message `text` would do at `now`. Raises Busy when the database is.

    `again`: the alert that brought it once. It is judged as if it had never come, so that its
    message is no duplicate of itself.
    """
    secrets = [one.value for one in webhook_secrets.stored(now) if one.value is not None]
    return replace(_rehearse(text, now, again), shown=payload.blank_secret(text, secrets))


def _rehearse(text: str, now: datetime, again: int | None) -> Rehearsal:
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > MAX_BYTES:
        return Rehearsal(
            "rejected", "too_large", {"message": [f"It is over {MAX_BYTES // 1024} KiB: cut it."]}
        )
    try:
        document = payload.read(body)
        meaning = payload.interpret(document)
    except Rejection as rejection:
        return Rehearsal("rejected", rejection.code, rejection.errors)
    strategy = Strategy.objects.filter(name=payload.named_strategy(document)).first()
    notes = _about_secret(document, strategy, now)
    if isinstance(meaning, Probe):
        return Rehearsal("ok", notes=notes)
    if isinstance(meaning, Ignored):
        return Rehearsal("ignored", meaning.code, notes=notes)
    envelope = Envelope(raw_body="", digest=document.digest, received_at=now)
    try:
        with write_transaction():
            if again is not None:  # taken back with the rest
                Alert.objects.filter(pk=again).update(dedupe_key=None)
            result = intake.accept(meaning, strategy, envelope)
            raise _TakenBack(_told(result, notes))
    except _TakenBack as taken_back:
        return taken_back.rehearsal


def send(text: str, now: datetime, address: str) -> Rehearsal:
    """Let the message `text` arrive in earnest, unless that could move real money by itself.

    Its secret is not looked at: whoever calls this has made sure of the person. Raises Busy.
    """
    body = text.encode("utf-8", "surrogatepass")
    try:
        document = payload.read(body)
        meaning = payload.interpret(document)
    except Rejection as rejection:
        return Rehearsal("rejected", rejection.code, rejection.errors)
    if not isinstance(meaning, Signal):
        return Rehearsal("ignored", "no_order")
    strategy = Strategy.objects.filter(name=payload.named_strategy(document)).first()
    envelope = Envelope(
        raw_body=payload.blank_secret(text, []),
        digest=document.digest,
        received_at=now,
        source_address=address[:64],
    )
    try:
        with write_transaction():
            account, _problem = connection_for(strategy)
            told = _told(intake.accept(meaning, strategy, envelope), ())
            if account is not None and not account.simulated and _acts(meaning, told.order):
                raise _TakenBack(Rehearsal("rejected", "not_a_test", {"strategy": [_NOT_A_TEST]}))
            return told
    except _TakenBack as taken_back:
        return taken_back.rehearsal


def _acts(meaning: Signal, order: Order | None) -> bool:
    """Whether it does something by itself: an exit stops entries, even if no order comes of it."""
    goes = order is not None and order.status != Status.WAITING
    return goes or meaning.intent is Intent.EXIT


def _told(result: intake.Intake, notes: tuple[str, ...]) -> Rehearsal:
    if result.status != "accepted":
        return Rehearsal(
            result.status,
            result.code,
            result.errors,
            notes,
            duplicate_of=result.alert_id if result.status == "duplicate" else None,
        )
    assert result.alert_id is not None
    alert = Alert.objects.get(pk=result.alert_id)
    order = queue.get(result.order_id or 0)
    judged = order.status in (Status.WAITING, Status.QUEUED)
    return Rehearsal(
        result.status,
        notes=(*notes, *(text for text in alert.warnings if text not in order.warnings)),
        order=order,
        decision=queue.preview(order) if judged else None,
    )


def _about_secret(document: Document, strategy: Strategy | None, now: datetime) -> tuple[str, ...]:
    presented = payload.presented_secrets(document, None)
    if not presented:
        return (_SECRET_MISSING,)
    if BLANK in presented:  # as this page shows it
        return ()
    known = webhook_secrets.stored(now)
    right = webhook_secrets.matches(presented, strategy.pk if strategy else None, known)
    return () if right else (_SECRET_WRONG,)
