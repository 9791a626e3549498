"""What `make` calls: the checks, the test suite, the locks."""
