"""What survives faults, and what queues, orders and jobs cost: `python -m benchmarks.survival --help`."""
