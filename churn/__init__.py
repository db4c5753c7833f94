"""The vocabulary that every program of the churn scorer shares."""
