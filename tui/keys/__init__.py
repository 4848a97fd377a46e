"""Every key of the console: one table per screen, from which bindings, help and the line of
keys are made."""
