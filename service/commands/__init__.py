"""The `fitserve` commands for a running service, one module per group. They use `fitserve_client` only."""
