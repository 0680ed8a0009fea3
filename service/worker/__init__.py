"""The worker: one supervisor that runs each job in a process of its own. No TensorFlow is imported in here."""
