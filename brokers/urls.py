"""Addresses under /brokers/."""

from django.urls import path

from brokers import views

urlpatterns = [
    path("zerodha/login/", views.begin_login, name="zerodha_login"),
    # Whoever registered it without the slash gets no redirect, which would repeat the token.
    path("zerodha/callback", views.callback),
    path("zerodha/callback/", views.callback, name="zerodha_callback"),
    path("zerodha/connect/", views.connect, name="zerodha_connect"),
    path("zerodha/disconnect/", views.disconnect, name="zerodha_disconnect"),
    path("default/", views.make_default, name="make_default"),
]
