"""Jobs, from queued to final. `kinds` has one module for each kind of job."""
