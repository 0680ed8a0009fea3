"""Keys and projects: who may do what, and whose everything is."""
