"""`python -m awcu`."""

from awcu.commands.main import main

main()
