"""Kafka to scores: the Spark query, publish, and replay."""
