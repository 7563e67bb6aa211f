"""`python -m echodfkd` is the command `echodfkd`."""

from echodfkd.cli import main

main()
