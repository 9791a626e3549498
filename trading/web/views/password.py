"""Changing one's own password."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from trading.web.login_forms import NewPasswordForm


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@sensitive_variables("form")
def page(request: HttpRequest) -> HttpResponse:
    """A new password takes the one of now, and ends the sessions in other browsers."""
    form = NewPasswordForm(request.POST if request.method == "POST" else None, request=request)
    if not form.is_valid():
        status = 422 if form.errors else 200
        return render(request, "trading/password.html", {"form": form}, status=status)
    update_session_auth_hash(request, form.save())
    messages.success(request, "Your password is changed. In other browsers log in again.")
    return redirect("settings")
