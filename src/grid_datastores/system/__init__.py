"""What the operating system gives: durable files, locks, signals and streams."""
