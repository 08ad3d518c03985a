"""The server: Grid's v1 HTTP API and the web UI, on top of the service."""
