"""What `fitserve` does with a running service: one module a group of commands, over `service.client` alone."""
