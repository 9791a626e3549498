"""The addresses of the pages."""

from django.urls import path

from trading.web.views import (
    dashboard,
    desk,
    instruments,
    orders,
    positions,
    queue,
    records,
    risk,
    settings,
)

urlpatterns = [
    path("", dashboard.page, name="dashboard"),
    path("desk/", desk.desk, name="desk"),
    path("queue/", queue.page, name="queue"),
    path("queue/rows/", queue.rows, name="queue_rows"),
    path("orders/", orders.listing, name="orders"),
    path("orders/<int:order_id>/", orders.detail, name="order"),
    path("orders/<int:order_id>/live/", orders.live, name="order_live"),
    path("orders/<int:order_id>/row/", queue.row, name="order_row"),
    path("orders/<int:order_id>/edit/", queue.edit, name="order_edit"),
    path("orders/<int:order_id>/execute/", queue.execute, name="order_execute"),
    path("orders/<int:order_id>/cancel/", queue.cancel, name="order_cancel"),
    path("orders/<int:order_id>/restore/", queue.restore, name="order_restore"),
    path("orders/<int:order_id>/retry/", orders.retry, name="order_retry"),
    path("orders/<int:order_id>/resolve/", orders.resolve, name="order_resolve"),
    path("orders/<int:order_id>/modify/", orders.modify, name="order_modify"),
    path("alerts/", records.alerts, name="alerts"),
    path("instruments/search/", instruments.suggestions, name="instrument_search"),
    path("orders/<int:order_id>/cost/", queue.cost, name="order_cost"),
    path("orders/<int:order_id>/preview/", queue.preview, name="order_preview"),
    path("positions/", positions.page, name="positions"),
    path("positions/one/", positions.position, name="position"),
    path("positions/exit/", positions.close, name="position_exit"),
    path("positions/protect/", positions.protect, name="position_protect"),
    path("positions/read/<int:connection_id>/", positions.read_again, name="positions_read"),
    path("analytics/", records.trades, name="analytics"),
    path("risk/", risk.page, name="risk"),
    path("risk/halt/", risk.halt, name="halt"),
    path("settings/", settings.page, name="settings"),
    path("settings/secret/", settings.show_secret, name="show_secret"),
    path("settings/secret/rotate/", settings.rotate_secret, name="rotate_secret"),
]
