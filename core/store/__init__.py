"""The journal: schema, writes by the runner, frozen read models for everyone else."""
