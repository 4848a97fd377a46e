"""The only process that changes anything: engines, benchmarks, the journal."""
