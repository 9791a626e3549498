"""Pre-trade risk as a pure function: no database, no clock, no I/O."""
