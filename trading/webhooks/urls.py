"""Addresses under /webhook/, each with and without a trailing slash."""

from django.urls import re_path

from trading.webhooks.postback import ZerodhaPostback
from trading.webhooks.views import TradingViewWebhook

urlpatterns = [
    re_path(r"^tradingview/?$", TradingViewWebhook.as_view(), name="webhook-tradingview"),
    re_path(r"^zerodha/postback/?$", ZerodhaPostback.as_view(), name="webhook-zerodha"),
]
