"""From bytes to Kafka's messages and back."""
