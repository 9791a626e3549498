"""The message builder: choices to a message, a script and a command line; tried, sent, checked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from sigmatrader import clock
from sigmatrader.addresses import public_address
from sigmatrader.crypto import CryptoError
from sigmatrader.db import Busy
from trading.models import Strategy
from trading.services import instruments, webhook_secrets
from trading.webhooks import message, pine
from trading.webhooks.advice import Context, Finding
from trading.webhooks.builder_form import BuilderForm, CheckForm, strategy_names
from trading.webhooks.lint import Report, lint
from trading.webhooks.payload import blank_secret
from trading.webhooks.placeholders import KNOWN
from trading.webhooks.rehearsal import Rehearsal, rehearse, send
from trading.webhooks.secret import BLANK

_TEMPLATE = "trading/builder.html"
_MAY_SEE = "trading.change_webhooksecret"
_BUSY = "The database is busy with something else: try again."
_NO_SECRET = "There is no secret yet: make one on the settings page, with Rotate."
_NO_KEY = "The secret can't be read: ST_CRYPTO_KEYS isn't the key it was stored with."


@dataclass(frozen=True, slots=True)
class Made:
    """What the choices give. `problem`: why the secret that was asked for is not in it."""

    message: str
    script: str
    curl: str
    findings: tuple[Finding, ...]
    strategy: Strategy | None
    with_secret: bool
    problem: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("context")
def page(request: HttpRequest) -> HttpResponse:
    """The form and what it gives; with HTMX what it gives alone. The secret takes a POST."""
    names = strategy_names()
    form = BuilderForm(request.POST) if request.method == "POST" else None
    form = form or BuilderForm.beginning(request.GET, names)
    context = _context(request, form, names)
    if _is_htmx(request):
        return render(request, f"{_TEMPLATE}#made", context)
    return _whole(request, context)


@require_POST
@sensitive_variables("context")
def try_out(request: HttpRequest) -> HttpResponse:
    """What the message would do with the sample values. Stores and sends nothing."""
    return _tried(request, in_earnest=False)


@require_POST
@sensitive_variables("context")
def send_it(request: HttpRequest) -> HttpResponse:
    """Let the message arrive with the sample values, on paper or for a person to decide."""
    if not request.user.has_perm(_MAY_SEE):
        raise PermissionDenied
    return _tried(request, in_earnest=True)


@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """The mistakes of a message that was pasted. Its secret is not sent back."""
    form = CheckForm(request.POST)
    context: dict[str, Any] = {"check_form": form}
    if form.is_valid():
        report = _report(form)
        context["report"] = report
        context["mended"] = _without_secret(report.mended or "")
        shown = _without_secret(form.cleaned_data["message"])
        context["check_form"] = CheckForm(initial={**form.cleaned_data, "message": shown})
    else:
        # A refused form shows what was typed: the message has a secret that nothing has blanked.
        form.data = {}
    if _is_htmx(request):
        return render(request, f"{_TEMPLATE}#checked", context)
    names = strategy_names()
    whole = _context(request, BuilderForm.beginning({}, names), names)
    return _whole(request, whole | context, status=422 if form.errors else 200)


def _is_htmx(request: HttpRequest) -> bool:
    return bool(cast(Any, request).htmx)


@sensitive_variables("context")
def _whole(request: HttpRequest, context: dict[str, Any], status: int = 0) -> HttpResponse:
    usual = 422 if context["form"].errors else 200
    rest = {
        "check_form": CheckForm(),
        "known": KNOWN.values(),
        "may_see": request.user.has_perm(_MAY_SEE),
    }
    return render(request, _TEMPLATE, rest | context, status=status or usual)


@sensitive_variables("secret", "made")
def _context(request: HttpRequest, form: BuilderForm, names: list[str]) -> dict[str, Any]:
    context: dict[str, Any] = {
        "form": form,
        "names": names,
        "address": public_address(request, "/webhook/tradingview"),
    }
    if form.is_valid():
        context["made"] = _made(request, form, context["address"], names)
    return context


@sensitive_variables("secret", "text", "sent")
def _made(request: HttpRequest, form: BuilderForm, address: str, names: list[str]) -> Made:
    choices, now = form.choices, clock.now()
    strategy = Strategy.objects.filter(name=choices.strategy).first()
    secret, problem = None, ""
    # Only a POST: an address stays in the browser's history and in the logs of proxies.
    if form.cleaned_data["with_secret"] and request.method == "POST":
        if not request.user.has_perm(_MAY_SEE):
            raise PermissionDenied
        secret, problem = _secret_of(strategy)
    text = message.message(choices, secret)
    context = Context(kind=choices.kind, strategies=names, lot_of=_lot_of)
    findings = lint(message.message(choices, BLANK), now, context).findings
    sent = message.filled(choices, secret, form.sample, now)
    return Made(
        message=text,
        script=pine.script(choices, secret),
        curl=message.curl(address, sent),
        findings=findings,
        strategy=strategy,
        with_secret=secret is not None,
        problem=problem,
    )


def _secret_of(strategy: Strategy | None) -> tuple[str | None, str]:
    """The secret for alerts of `strategy`, or why there is none."""
    try:
        secret = webhook_secrets.current_for(strategy)
    except CryptoError:
        return None, _NO_KEY
    return secret, "" if secret else _NO_SECRET


def _lot_of(exchange: str, symbol: str) -> int:
    return instruments.resolve(exchange, symbol).lot_size


@sensitive_variables("context")
def _tried(request: HttpRequest, *, in_earnest: bool) -> HttpResponse:
    names = strategy_names()
    form = BuilderForm(request.POST)
    context = _context(request, form, names)
    if form.is_valid():
        context |= _trial(request, form, in_earnest=in_earnest)
    if _is_htmx(request):
        return render(request, f"{_TEMPLATE}#trial", context)
    return _whole(request, context)


def _trial(request: HttpRequest, form: BuilderForm, *, in_earnest: bool) -> dict[str, Any]:
    now = clock.now()
    text = message.filled(form.choices, BLANK, form.sample, now)
    try:
        if in_earnest:
            found = send(text, now, cast(Any, request).client_address)
        else:
            found = rehearse(text, now)
    except Busy:
        return {"trial_problem": _BUSY}
    return {"rehearsal": found, "in_earnest": in_earnest, **_judged(found, now)}


def _judged(found: Rehearsal, now: datetime) -> dict[str, Any]:
    decision = found.decision
    return {
        "decision": decision,
        "checks": decision.as_json(now)["checks"] if decision else [],
    }


def _report(form: CheckForm) -> Report:
    values = form.cleaned_data
    kind = message.Kind(values["fired_by"]) if values["fired_by"] else None
    context = Context(
        kind=kind, strategies=strategy_names(), lot_of=_lot_of, script=values["script"]
    )
    return lint(values["message"], clock.now(), context)


def _without_secret(text: str) -> str:
    known = [one.value for one in webhook_secrets.stored(clock.now()) if one.value is not None]
    return blank_secret(text, known)
