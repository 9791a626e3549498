"""Addresses under /api/, each with and without a trailing slash."""

from typing import Any

from django.urls import URLPattern, re_path

from trading.api.views import (
    about,
    account,
    analytics,
    instruments,
    orders,
    positions,
    records,
    risk_settings,
    risk_use,
    settings,
    what_if,
    zerodha,
)

_ID = r"(?P<pk>[0-9]+)"


def _address(pattern: str, view: Any, name: str) -> URLPattern:
    return re_path(rf"^{pattern}/?$", view, name=f"api-{name}")


urlpatterns = [
    re_path(r"^$", about.Root.as_view(), name="api-root"),
    _address("schema", about.Schema.as_view(), "schema"),
    _address("docs", about.docs, "docs"),
    _address("strategies", settings.StrategyList.as_view(), "strategies"),
    _address(rf"strategies/{_ID}", settings.StrategyDetail.as_view(), "strategy"),
    _address("risk-settings", risk_settings.RiskSettingsList.as_view(), "risk-settings"),
    _address("risk-settings/export", risk_settings.RiskSettingsExport.as_view(), "risk-export"),
    _address("risk-settings/import", risk_settings.RiskSettingsImport.as_view(), "risk-import"),
    _address("risk-settings/presets", risk_settings.RiskPresets.as_view(), "risk-presets"),
    _address(rf"risk-settings/{_ID}", risk_settings.RiskSettingsDetail.as_view(), "risk-setting"),
    _address(
        rf"risk-settings/{_ID}/history",
        risk_settings.RiskSettingsHistory.as_view(),
        "risk-setting-history",
    ),
    _address("risk/what-if", what_if.WhatIfView.as_view(), "what-if"),
    _address("risk/use", risk_use.RiskUse.as_view(), "risk-use"),
    _address("trading-state", settings.TradingStateView.as_view(), "trading-state"),
    _address("orders", orders.OrderList.as_view(), "orders"),
    _address("orders/queue", orders.OrderQueue.as_view(), "orders-queue"),
    _address(rf"orders/{_ID}", orders.OrderDetail.as_view(), "order"),
    _address(rf"orders/{_ID}/events", orders.OrderEvents.as_view(), "order-events"),
    _address(rf"orders/{_ID}/status", orders.OrderStatus.as_view(), "order-status"),
    _address(rf"orders/{_ID}/execute", orders.OrderExecute.as_view(), "order-execute"),
    _address(rf"orders/{_ID}/cancel", orders.OrderCancel.as_view(), "order-cancel"),
    _address(rf"orders/{_ID}/retry", orders.OrderRetry.as_view(), "order-retry"),
    _address(rf"orders/{_ID}/resolve", orders.OrderResolve.as_view(), "order-resolve"),
    _address(rf"orders/{_ID}/modify", orders.OrderModify.as_view(), "order-modify"),
    _address("alerts", records.AlertList.as_view(), "alerts"),
    _address(rf"alerts/{_ID}", records.AlertDetail.as_view(), "alert"),
    _address("instruments", instruments.InstrumentList.as_view(), "instruments"),
    _address("positions", records.PositionList.as_view(), "positions"),
    _address("positions/exit", positions.PositionExit.as_view(), "positions-exit"),
    _address("positions/sync", account.PositionsSync.as_view(), "positions-sync"),
    _address("positions/holdings", account.HoldingList.as_view(), "positions-holdings"),
    _address("trades", records.TradeList.as_view(), "trades"),
    _address("analytics/summary", analytics.AnalyticsSummary.as_view(), "analytics-summary"),
    _address("zerodha/login-url", zerodha.LoginUrl.as_view(), "zerodha-login-url"),
    _address("zerodha/connect", zerodha.Connect.as_view(), "zerodha-connect"),
    _address("zerodha/status", zerodha.Status.as_view(), "zerodha-status"),
    _address("zerodha/sync-orders", account.OrdersSync.as_view(), "zerodha-sync-orders"),
    _address("zerodha/margins", account.MarginsView.as_view(), "zerodha-margins"),
    _address("zerodha/order-preview", account.OrderPreview.as_view(), "zerodha-order-preview"),
    _address("zerodha/disconnect", zerodha.Disconnect.as_view(), "zerodha-disconnect"),
    re_path(r"^", about.Unknown.as_view(), name="api-unknown"),
]
