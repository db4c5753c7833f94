"""Webhooks: endpoints, the deliveries to them, and `churn deliver`, which makes them."""
