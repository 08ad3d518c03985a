"""Operating system services: durable files, file locks, signals and standard streams."""
