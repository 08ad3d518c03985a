"""Would the spec notice? A defect at a time is put into the implementation; the acceptance run has to fail."""
