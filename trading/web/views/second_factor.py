"""Setting up, renewing and removing one's own second factor."""

from base64 import b64encode
from typing import Any

import qrcode
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from qrcode.image.svg import SvgPathImage

from sigmatrader import second_factor
from sigmatrader.user_sessions import end_others
from trading.web.login_forms import CodeForm, GuardedCodeForm
from trading.web.views.shared import back

_NAME = "second_factor"
_QUIET_ZONE = 4  # modules around the code, as its standard wants


@sensitive_variables()
def _page(request: HttpRequest, **changes: Any) -> HttpResponse:
    """The page as things stand; `changes` are forms that were refused, or codes to show once."""
    user = request.user
    enrolment = second_factor.enrolment(user)
    context = {
        "device": second_factor.confirmed_device(user),
        "codes_left": second_factor.recovery_codes_left(user),
        "enrolment": enrolment,
        "picture": _picture(enrolment.address) if enrolment else "",
        "confirm_form": _confirm_form(request),
        "renew_form": _renew_form(request),
        "remove_form": _remove_form(request),
        **changes,
    }
    refused = any(getattr(one, "errors", None) for one in changes.values())
    return render(request, "trading/second_factor.html", context, status=422 if refused else 200)


def _picture(address: str) -> str:
    """`address` as a QR code: a data address for an image."""
    image = qrcode.make(address, image_factory=SvgPathImage, border=_QUIET_ZONE)
    return "data:image/svg+xml;base64," + b64encode(image.to_string()).decode()


def _confirm_form(request: HttpRequest, data: Any = None) -> GuardedCodeForm:
    form = GuardedCodeForm(
        data,
        request=request,
        check=lambda code: second_factor.confirm(request.user, code),
        auto_id="id_confirm_%s",
    )
    form.fields["code"].help_text = "The six digits that the app shows now."
    return form


def _renew_form(request: HttpRequest, data: Any = None) -> CodeForm:
    return CodeForm(
        data,
        check=lambda code: second_factor.verify(request.user, code),
        auto_id="id_renew_%s",
    )


def _remove_form(request: HttpRequest, data: Any = None) -> GuardedCodeForm:
    return GuardedCodeForm(
        data,
        request=request,
        check=lambda code: second_factor.verify(request.user, code),
        auto_id="id_remove_%s",
    )


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """How it stands with one's second factor. The key is here only while it is being set up."""
    return _page(request)


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """A new key to scan; nothing counts before its first code is entered."""
    second_factor.begin(request.user)
    return redirect(_NAME)


@require_POST
@sensitive_post_parameters()
def confirm(request: HttpRequest) -> HttpResponse:
    """The first code makes the key count, and ends the sessions that were opened without one.

    The answer shows the recovery codes, this once.
    """
    if second_factor.enrolment(request.user) is None:
        messages.error(request, "There was nothing to confirm any more.")
        return redirect(_NAME)
    form = _confirm_form(request, request.POST)
    if not form.is_valid():
        return _page(request, confirm_form=form)
    ended = end_others(request.user, request.session)
    also = " Your other sessions are ended: log in again there." if ended else ""
    messages.success(request, f"Your second factor is set up.{also}")
    return _page(request, codes=second_factor.new_recovery_codes(request.user))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def again(request: HttpRequest) -> HttpResponse:
    """A code, before users and rights are changed; then back to where that was asked."""
    lacks = second_factor.lacks_one(request.user)
    form = CodeForm(
        request.POST if request.method == "POST" and not lacks else None,
        check=lambda code: second_factor.verify(request.user, code),
    )
    if form.is_valid():
        second_factor.note_entered(request.session)
        return back(request, "dashboard")
    wanted = request.POST.get("next", request.GET.get("next", ""))
    context = {"form": form, "lacks": lacks, "next": wanted}
    status = 422 if form.errors else 200
    return render(request, "trading/second_factor_again.html", context, status=status)


@require_POST
@sensitive_post_parameters()
def renew(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown this once; the old ones are void."""
    if not second_factor.has_second_factor(request.user):
        return redirect(_NAME)
    form = _renew_form(request, request.POST)
    if not form.is_valid():
        return _page(request, renew_form=form)
    return _page(request, codes=second_factor.new_recovery_codes(request.user))


@require_POST
@sensitive_post_parameters()
def remove(request: HttpRequest) -> HttpResponse:
    """Back to the password alone."""
    form = _remove_form(request, request.POST)
    if not form.is_valid():
        return _page(request, remove_form=form)
    if second_factor.remove(request.user):
        messages.success(request, "Your second factor is removed: the password alone opens now.")
    return redirect(_NAME)
