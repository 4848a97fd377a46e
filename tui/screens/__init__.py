"""Screens: each arranges widgets and answers keys; all they know comes in snapshots."""
