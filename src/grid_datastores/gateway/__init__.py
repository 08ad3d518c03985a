"""The `Datastores` protocol and its two implementations: embedded, and over HTTP."""
