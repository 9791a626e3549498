from django.apps import AppConfig


class SigmaTraderConfig(AppConfig):
    name = "sigmatrader"

    def ready(self) -> None:
        from sigmatrader import checks

        checks.register_all()
