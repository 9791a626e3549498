from django.apps import AppConfig


class SigmaTraderConfig(AppConfig):
    name = "sigmatrader"

    def ready(self) -> None:
        from django.conf import settings

        from sigmatrader import checks, clock

        checks.register_all()
        clock.move(settings.ST.CLOCK_OFFSET_SECONDS)
