"""Networks that others trained: reads their files into a spec and weights, or serves them as they are."""
