"""What differs between engines. A new engine is one new file, named in the registry."""
