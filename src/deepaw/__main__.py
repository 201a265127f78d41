"""`python -m deepaw`."""

from deepaw.cli.app import main

main()
