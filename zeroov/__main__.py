"""`python -m zeroov`."""

from zeroov.cli.main import main

main()
