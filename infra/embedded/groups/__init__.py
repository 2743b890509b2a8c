"""The group coordinator of the classic consumer protocol: a core under virtual time."""
