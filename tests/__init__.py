"""SigmaTrader's tests: they mirror the source, plus acceptance, browser, architecture, faults."""
