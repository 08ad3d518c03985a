"""That bad input, bad places and bad luck cost one clear sentence and nothing else."""
