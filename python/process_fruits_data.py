#!/usr/bin/env python3
"""For spark-submit, with the reference's four arguments: INPUT OUTPUT MODE K."""

import sys

from verger.spark.__main__ import main

if __name__ == "__main__":
    status = main()
    # An exit, whatever its status, ends a driver on YARN before it has said farewell.
    if status != 0:
        sys.exit(status)
