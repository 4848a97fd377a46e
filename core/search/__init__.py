"""Which configuration to try next: strategies that are rebuilt from the journal each time."""
