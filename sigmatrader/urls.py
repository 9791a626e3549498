"""Every address of the application."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from sigmatrader import health, metrics
from trading.api.views.about import Root
from trading.web.login_forms import LoginForm
from trading.webhooks.pages import alert_test

urlpatterns = [
    path("health", health.health, name="health"),
    path("health/", health.health),
    path("health/ready", health.ready, name="ready"),
    path("health/ready/", health.ready),
    path("metrics", metrics.metrics, name="metrics"),
    path("metrics/", metrics.metrics),
    path("webhook/", include("trading.webhooks.urls")),
    path("api", Root.as_view(schema=None)),
    path("api/", include("trading.api.urls")),
    path("admin/", admin.site.urls),
    path("brokers/", include("brokers.urls")),
    path(
        "accounts/login/",
        login_not_required(
            auth_views.LoginView.as_view(
                template_name="registration/login.html",
                redirect_authenticated_user=True,
                authentication_form=LoginForm,
            )
        ),
        name="login",
    ),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("alerts/test/", alert_test, name="alert_test"),
    path("settings/message/", include("trading.webhooks.page_urls")),
    path("", include("trading.web.urls")),
]

handler400 = "trading.web.views.errors.bad_request"
handler403 = "trading.web.views.errors.forbidden"
handler404 = "trading.web.views.errors.not_found"
handler500 = "trading.web.views.errors.server_error"
