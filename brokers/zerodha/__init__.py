"""Zerodha through Kite Connect v3; knows nothing of Django."""
