"""The words of the features, by subject."""
