"""A living spec: Gherkin features, the evidence of their run, and the pages built from both."""
