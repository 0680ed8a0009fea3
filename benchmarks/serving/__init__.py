"""How fast predictions are, in every dialect, beside what else could serve the same networks."""
