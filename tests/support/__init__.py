"""Helpers of the tests: programs on this machine, PostgreSQL, a running server, a browser."""
