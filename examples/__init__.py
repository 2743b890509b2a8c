"""Examples: small services as a user would write them, run by the demo and by tests."""
