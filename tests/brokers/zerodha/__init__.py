"""Zerodha's adapter against a scripted server of its own, and its pure parts alone."""
