"""SigmaTrader: TradingView alerts to Zerodha orders, self-hosted."""

__version__ = "0.1.0"
