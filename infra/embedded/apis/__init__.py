"""The requests that the broker answers, a module for each."""
