"""Events: declared with their topics, published to them, read from them."""
