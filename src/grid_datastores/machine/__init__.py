"""What happens on this machine: uploads, Runs, mounts and restoring."""
