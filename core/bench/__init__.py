"""Measuring a warm engine: genai-bench runs and the choice of the next load."""
