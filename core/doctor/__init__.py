"""What would fail before it is started, and what a failure means after it happened."""
