"""`python -m awcu`."""

from awcu.cli import main

main()
