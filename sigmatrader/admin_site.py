"""The admin under the product's own name, behind the desk's login."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from sigmatrader.admin_groups import grouped


class SigmaTraderAdminSite(admin.AdminSite):
    site_header = "SigmaTrader admin"
    site_title = "SigmaTrader"
    index_title = "Administration"
    enable_nav_sidebar = False  # the way back is in the breadcrumbs; lists need the room

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        groups = grouped(self.get_app_list(request))
        return super().index(request, {"groups": groups, **(extra_context or {})})

    @login_not_required
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One login for desk and admin: it has the lock-out and asks for the second factor."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        wanted = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        return HttpResponseRedirect(
            f"{reverse('login')}?{urlencode({REDIRECT_FIELD_NAME: wanted})}"
        )


class SigmaTraderAdminConfig(AdminConfig):
    default_site = "sigmatrader.admin_site.SigmaTraderAdminSite"
