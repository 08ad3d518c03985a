"""The reference implementation of Grid Datastores."""
