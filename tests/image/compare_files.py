"""Holds what Verger makes of files against Pillow: of all below a folder, such as Tests/images of
a clone of https://github.com/python-pillow/Pillow. The ordinary tests do not need it.

usage: VERGER_BUILD=build compare_files.py FOLDER
"""

import sys
from pathlib import Path

from test_pillow import OK, difference, pillow, verger

def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    files = sorted(path for path in Path(sys.argv[1]).rglob("*")
                   if path.is_file() and path.stat().st_size < 16 << 20)
    equal = both_refuse = unread = 0
    for orient in (False, True):
        for path in files:
            data = path.read_bytes()
            ours = verger([data], *(["--orient"] if orient else []))[0]
            theirs = pillow(data, orient)
            fault = difference(f"{path.relative_to(sys.argv[1])}{' oriented' * orient}", ours, theirs)
            if ours[0] != OK and b"are supported" in ours[3]:
                unread += 1
            elif fault:
                print(fault)
            elif ours[0] == OK:
                equal += 1
            else:
                both_refuse += 1
    print(f"{equal} equal, {both_refuse} refused by both, {unread} of formats that are not read")


if __name__ == "__main__":
    main()
