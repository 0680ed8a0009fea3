"""Files from strangers: what they are, and what lies in them, read without running or unpacking anything."""
