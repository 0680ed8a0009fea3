"""The machine-learning side of Fitserve. It uses no HTTP, SQL or environment variables."""
