"""The machine-learning side of Fitserve: knows no HTTP, no SQL, no environment variables."""
