"""The `Datastores` protocol and its two implementations: in this process (embedded), and over HTTP."""
