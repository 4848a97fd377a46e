"""The console: what the journal says, on a terminal."""
