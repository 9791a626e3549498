"""Settings: the webhook and its secret, accounts, strategies, limits, and the ways to the rest."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from risk.models import RiskSettings
from sigmatrader import second_factor
from sigmatrader.addresses import public_address
from sigmatrader.crypto import CryptoError
from trading.models import Strategy, WebhookSecret
from trading.services import webhook_secrets
from trading.services.connections import Accounts
from trading.web import accounts
from trading.web.forms import RotateForm, SecretForm


@sensitive_variables("secret", "context")
def _page(
    request: HttpRequest, *, secret: str | None = None, rotate_form: RotateForm | None = None
) -> HttpResponse:
    form, strategy = _chosen(request)
    addresses = accounts.addresses(request)
    own_secret = WebhookSecret.objects.filter(strategy=OuterRef("pk"))
    context: dict[str, Any] = {
        "form": form,
        "address": public_address(request, "/webhook/tradingview"),
        "secret": secret,
        "chosen": strategy,
        "rotate_form": rotate_form or RotateForm(),
        "secrets": WebhookSecret.objects.select_related("strategy"),
        "cards": accounts.cards(),
        "addresses": addresses,
        "strategies": _with_accounts(
            Strategy.objects.select_related("connection").annotate(
                has_own_secret=Exists(own_secret)
            )
        ),
        "limits": RiskSettings.objects.select_related("strategy"),
        "second_factor": second_factor.confirmed_device(request.user),
        "recovery_codes_left": second_factor.recovery_codes_left(request.user),
    }
    return render(request, "trading/settings.html", context)


def _with_accounts(strategies: Iterable[Strategy]) -> list[dict[str, Any]]:
    """Each strategy with the account that its orders go to, and what is wrong with that."""
    account_of = Accounts()
    found = []
    for strategy in strategies:
        account, problem = account_of(strategy)
        found.append({"strategy": strategy, "account": account, "problem": problem})
    return found


def _chosen(request: HttpRequest) -> tuple[SecretForm, Strategy | None]:
    """Whose secret is asked for; None: the common one."""
    form = SecretForm(request.POST or request.GET)
    form.is_valid()
    chosen = form.strategy_id
    return form, Strategy.objects.filter(pk=chosen).first() if chosen else None


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Without the secret: that takes a POST, so that it stands in no address or history."""
    return _page(request)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("trading.change_webhooksecret", raise_exception=True)
@sensitive_variables("secret")
def show_secret(request: HttpRequest) -> HttpResponse:
    """The page with the secret in clear."""
    if request.method != "POST":
        return redirect("settings")
    secret = _current(request)
    if secret is None:
        messages.error(request, "There is no secret here yet: make one with Rotate.")
    return _page(request, secret=secret)


@sensitive_variables("secret")
def _current(request: HttpRequest) -> str | None:
    """The chosen strategy's own secret where it has one, else the common one."""
    _form, strategy = _chosen(request)
    try:
        return webhook_secrets.current_for(strategy)
    except CryptoError:
        messages.error(
            request, "The secret can't be read: ST_CRYPTO_KEYS isn't the key it was stored with."
        )
        return None


@require_POST
@permission_required("trading.change_webhooksecret", raise_exception=True)
def rotate_secret(request: HttpRequest) -> HttpResponse:
    """A new secret, common or a strategy's; the one before stays valid for the grace chosen."""
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _page(request, rotate_form=form)
    strategy, grace = form.strategy, timedelta(hours=form.cleaned_data["grace"])
    webhook_secrets.rotate(strategy, grace)
    whose = f" for {strategy.name}" if strategy else ""
    old = f"The old one works for {form.grace_text} more." if grace else "The old one is void."
    messages.success(
        request, f"There is a new secret{whose}. {old} Show it, and put it into your alerts."
    )
    return redirect("settings")
