"""Small files that ask for much: time and memory of each are bounded. `make check-hostile` has
them at the default limit of pixels, and larger."""

import os
from pathlib import Path

import pytest
from bombs import MAX_SECONDS, bombs, cost

BUILD = Path(os.environ["VERGER_BUILD"])
MAX_PIXELS = 25_000_000
BOMBS = bombs(MAX_PIXELS)


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_bounded(name, tmp_path):
    maker, expected = BOMBS[name]
    used = cost(BUILD, maker, MAX_PIXELS, tmp_path)
    assert used.status == expected, used.message
    assert used.bytes < used.most_bytes
    assert used.seconds < MAX_SECONDS
