"""From frozen views to lines of text: pure functions, no widgets."""
