"""Where the README's figures come from: scripts that people run, each against real processes."""
