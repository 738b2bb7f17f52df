"""Configurations: where they lie, what makes two runs the same."""
