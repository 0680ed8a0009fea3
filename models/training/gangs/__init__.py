"""Training on several hosts: a gang's members have the same network, compute on their share of each batch, and apply
the same update (decision 49)."""
