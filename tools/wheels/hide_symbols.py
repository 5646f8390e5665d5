"""Hides the symbols of static libraries from other libraries of a process: hide_symbols.py FILE.a...

pyarrow's libparquet shows an OpenSSL of its own. Symbols of the same name that the command shows
would be taken in their place. (ld has --exclude-libs for this, and zig has not.) What nobody
sees the linker can leave out, too.
"""

import struct
import sys

AR_MAGIC, HEADER = b"!<arch>\n", 60
SECTION_HEADERS, SECTION_COUNT = 0x28, 0x3c  # in the header of an ELF file of 64 bits
SYMBOL_TABLE, SYMBOL = 2, 24
GLOBAL, WEAK, HIDDEN = 1, 2, 2


def members(archive):
    """Where each begins."""
    at = len(AR_MAGIC)
    while at < len(archive):
        size = int(archive[at + 48:at + 58])
        yield at + HEADER
        at += HEADER + size + size % 2


def hide(archive, begin):
    """The symbols of the ELF file that begins there."""
    (sections,) = struct.unpack_from("<Q", archive, begin + SECTION_HEADERS)
    (count,) = struct.unpack_from("<H", archive, begin + SECTION_COUNT)
    for number in range(count):
        header = struct.unpack_from("<IIQQQQ", archive, begin + sections + 64 * number)
        _, kind, _, _, offset, size = header
        if kind != SYMBOL_TABLE:
            continue
        for at in range(begin + offset, begin + offset + size, SYMBOL):
            info, other, section = struct.unpack_from("<BBH", archive, at + 4)
            if info >> 4 in (GLOBAL, WEAK) and section != 0:
                archive[at + 5] = other & ~3 | HIDDEN


def main():
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            archive = bytearray(file.read())
        assert archive.startswith(AR_MAGIC), name
        for begin in members(archive):
            if archive[begin:begin + 4] == b"\x7fELF":
                hide(archive, begin)
        with open(name, "wb") as file:
            file.write(archive)


if __name__ == "__main__":
    main()
