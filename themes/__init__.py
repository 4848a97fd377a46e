"""Themes that come with the program, as YAML package data."""
