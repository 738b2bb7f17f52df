"""Tiny copies of the public data sets, each exactly as it is distributed: names, delimiters, faults included.

Every module has `write(root)`, which makes the copy below a folder and returns what `awcu train` must be told of it
besides `data` and `data.root`.
"""
