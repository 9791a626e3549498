from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        from brokers import hours
        from trading.services import calendar

        hours.use(calendar.current)
