# ERROR: No test
