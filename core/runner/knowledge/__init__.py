"""What is known of a space before anything of it is measured."""
