"""The page on which a message is tried before TradingView sends it."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from sigmatrader import clock
from sigmatrader.db import Busy
from trading.models import Alert
from trading.webhooks.advice import Finding
from trading.webhooks.lint import lint
from trading.webhooks.reading import MAX_BYTES
from trading.webhooks.rehearsal import rehearse

# The rehearsal tells these in the words of the webhook.
_SAID = frozenset(
    {
        "delayed_feed",
        "key_twice",
        "fraction",
        "left_out",
        "limit_without_price",
        "no_quantity",
        "no_strategy",
        "other_platform",
        "probe",
        "refused",
        "secret_missing",
        "stop_without_trigger",
        "symbol_without_exchange",
        "unknown_exchange",
        "waits",
    }
)
_BUSY = "The database is busy with something else: try again."


class MessageForm(forms.Form):
    message = forms.CharField(
        label="Alert message",
        max_length=MAX_BYTES,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "autocomplete": "off"}),
        help_text="The message as TradingView would send it, with its placeholders filled in.",
        error_messages={"required": "Paste a message first."},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def alert_test(request: HttpRequest) -> HttpResponse:
    """Read, plan and judge a message as if it had arrived now. Stores and sends nothing.

    `replay`: the id of an alert whose message it is.
    """
    replayed = _replayed(request)
    data = {"message": replayed.raw_body} if replayed else request.POST
    form = MessageForm(data if request.method == "POST" else None)
    context: dict[str, Any] = {"replayed": replayed}
    if form.is_bound and form.is_valid():
        try:
            rehearsal = rehearse(
                form.cleaned_data["message"], clock.now(), again=replayed.pk if replayed else None
            )
        except Busy:
            form.add_error(None, _BUSY)
        else:
            decision = rehearsal.decision
            context["rehearsal"] = rehearsal
            context["findings"] = _slips(form.cleaned_data["message"])
            # The secret that was typed is not sent back.
            form = MessageForm(initial={"message": rehearsal.shown})
            context["decision"] = decision
            context["checks"] = decision.as_json(clock.now())["checks"] if decision else []
    if form.errors:
        # A refused form shows what was typed: the message has a secret that nothing has blanked.
        form.data = {}
    status = 422 if form.errors else 200
    return render(request, "trading/alert_test.html", {**context, "form": form}, status=status)


def _replayed(request: HttpRequest) -> Alert | None:
    text = request.POST.get("replay", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        return None
    return Alert.objects.filter(pk=int(text)).first()


def _slips(text: str) -> list[Finding]:
    """What the check of a message finds beyond what the rehearsal says already."""
    return [one for one in lint(text, clock.now()).findings if one.code not in _SAID]
