"""Results as others read them: JSON, CSV, a text table, the command to run."""
