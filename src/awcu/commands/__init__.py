"""Command-line commands: parse arguments, make one call, print the result."""
