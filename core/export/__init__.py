"""Results as others read them: JSON, CSV, a text table, a report, the command to run."""
