"""The acceptance run: the features, driven over every surface of a real server process."""
