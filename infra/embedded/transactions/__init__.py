"""Producer ids and the transaction coordinator: a core under virtual time."""
