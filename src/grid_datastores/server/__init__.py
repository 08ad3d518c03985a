"""The server: Grid's v1 HTTP API over the service."""
