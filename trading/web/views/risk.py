"""The trading state, the limits in force and what is used of them."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from risk import policy
from risk.models import SquareOff, TradingStateChange
from sigmatrader import clock, second_factor
from trading import selectors
from trading.domain.session import trading_day
from trading.domain.values import StateScope, TradingStateName
from trading.services import alarms, halting, squareoff
from trading.services.errors import ServiceError
from trading.services.halting import Confirmation, StateChange
from trading.web.forms import StateForm, add_service_errors
from trading.web.limits import changes, closed_breakers, scope_settings, use_sections
from trading.web.views.shared import actor, back, is_htmx, told

_HISTORY_SHOWN = 50
_SQUARE_OFFS_SHOWN = 5


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """States, limits with their use, and the histories of both; a POST changes a state."""
    form = StateForm(request.POST or None, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        try:
            change = halting.set_state(
                form.cleaned_data["state"],
                reason=form.cleaned_data["reason"],
                actor=actor(request),
                cancel_working=form.cleaned_data["cancel_working"],
                square_off=form.cleaned_data["square_off"],
                confirmed_by=Confirmation(request.user, form.cleaned_data["code"]),
                **form.scope,
            )
            messages.success(request, _said(form.target_name, change))
            return back(request, "risk")
        except ServiceError as error:
            add_service_errors(form, error.errors)
    now = clock.now()
    scopes = scope_settings(now)
    context = {
        **_use(now),
        "form": form,
        "asks_code": second_factor.has_second_factor(request.user),
        "lacks_factor": second_factor.lacks_one(request.user),
        "may_resume": request.user.has_perm(halting.RESUME_RIGHT),
        "states": policy.current_states(),
        "breakers": alarms.current_breakers(now),
        "square_offs": [squareoff.progress(row) for row in _square_offs()],
        "squaring": squareoff.running().exists(),
        "history": TradingStateChange.objects.all()[:_HISTORY_SHOWN],
        "scope_settings": scopes,
        "global_missing": scopes[0].row is None,
        "changes": changes(),
        "closed_breakers": closed_breakers(),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "risk/risk.html", context, status=status)


@require_safe
def use(request: HttpRequest) -> HttpResponse:
    """The bars alone, for a page that is open; 204 when nothing has changed since `v`."""
    if not is_htmx(request):
        return redirect(f"{reverse('risk')}#use")
    now = clock.now()
    if request.GET.get("v") == _use_token(now):
        return HttpResponse(status=204)
    return render(request, "risk/use.html", _use(now))


def _use(now: datetime) -> dict[str, Any]:
    token = _use_token(now)  # read first: what changes meanwhile is shown next time
    return {"use_token": token, "use_sections": use_sections(now)}


def _use_token(now: datetime) -> str:
    """Also another at midnight, when a day's uses begin anew."""
    return f"{selectors.change_token()}-{trading_day(now)}"


def _square_offs() -> list[SquareOff]:
    """Those that run, then the last that have ended."""
    ended = SquareOff.objects.filter(finished_at__isnull=False).select_related(
        "connection", "strategy"
    )
    return [*squareoff.running(), *ended[:_SQUARE_OFFS_SHOWN]]


def _initial(request: HttpRequest) -> dict[str, Any]:
    """`?to=ACTIVE` and `?for=ACCOUNT:1` fill the form in; nonsense leaves it as it is."""
    wanted = request.GET.get("to", "")
    state = wanted if wanted in TradingStateName.__members__ else TradingStateName.HALTED.value
    return {
        "state": state,
        "target": request.GET.get("for", StateScope.EVERYTHING.value),
        "cancel_working": "cancel" in request.GET,
        "square_off": "squareoff" in request.GET,
    }


def _said(name: str, change: StateChange) -> str:
    parts = [f"{name}: {change.state} now."]
    if change.set_aside:
        parts.append(f"{_orders(change.set_aside, 'queued')} set aside: back in the queue.")
    if change.cancelled:
        parts.append(f"A cancel of {_orders(change.cancelled, 'working')} is asked for.")
    if change.square_off is not None:
        then = ", then it is HALTED" if change.square_off.then_halt else ""
        parts.append(f"The square-off has begun{then}.")
    if change.breakers_closed:
        word = "breaker" if change.breakers_closed == 1 else "breakers"
        parts.append(f"Closed: {change.breakers_closed} {word}.")
    return " ".join(parts)


def _orders(numbers: list[int], kind: str) -> str:
    count = len(numbers)
    return f"1 {kind} order" if count == 1 else f"{count} {kind} orders"


@require_POST
def halt(request: HttpRequest) -> HttpResponse:
    """Everything is HALTED at once; only a typed reason on the risk page undoes it."""

    def action() -> str:
        typed = request.POST.get("reason", "").replace("\x00", " ").strip()[:500]
        reason = typed or "the Halt button was pressed"
        change = halting.set_state(
            TradingStateName.HALTED, StateScope.EVERYTHING, reason, actor(request)
        )
        return f"{_said('Everything', change)} Resume on the risk page."

    told(request, action)
    return back(request, "risk")
