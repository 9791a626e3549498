"""Addresses of the message builder, under /settings/message/."""

from django.urls import path

from trading.webhooks import builder

urlpatterns = [
    path("", builder.page, name="message_builder"),
    path("try/", builder.try_out, name="message_try"),
    path("send/", builder.send_it, name="message_send"),
    path("check/", builder.check, name="message_check"),
]
