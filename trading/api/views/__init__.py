"""The calls of the API: each translates HTTP and calls one service."""
