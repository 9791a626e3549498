"""The users and groups; and what a library puts into the admin and must not stand there."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice

from sigmatrader import second_factor

# Recovery codes are made by their owner alone, and shown once.
admin.site.unregister(StaticDevice)
admin.site.unregister([User, Group])


def _code_first(request: HttpRequest) -> HttpResponse | None:
    """To the page that asks for a code, and back from there; None when none is wanted now."""
    if not second_factor.must_be_entered(request.session):
        return None
    back = urlencode({"next": request.get_full_path()})
    return HttpResponseRedirect(f"{reverse('second_factor_again')}?{back}")


class _BehindCode(admin.ModelAdmin):
    """Rights are given away here."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _code_first(request) or super().changeform_view(request, *args, **kwargs)


@admin.register(User)
class PersonAdmin(_BehindCode, UserAdmin):
    """Django's, but when somebody joined and was last here is no field to fill in."""

    readonly_fields = ("last_login", "date_joined")
    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")

    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _code_first(request) or super().user_change_password(request, *args, **kwargs)


@admin.register(Group)
class RightsAdmin(_BehindCode, GroupAdmin):
    """Django's, behind a code."""
