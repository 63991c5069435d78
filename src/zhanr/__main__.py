"""`python -m zhanr` is `zhanr`."""

from zhanr.cli import main

main()
