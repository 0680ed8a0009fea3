"""The worker: a supervisor that runs each job in its own child process. The supervisor doesn't import TensorFlow."""
