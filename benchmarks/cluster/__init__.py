"""What many workers and many finished jobs cost: `python -m benchmarks.cluster --help`."""
