"""What bench/peers makes of its figures; the peers themselves are not needed."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "peers"))
from judging import Row, best_ways, distance, is_wrong, quotients, table  # noqa: E402
from teams import extraction_rate  # noqa: E402


def row(name, rates, way="", network_off=1e-6, decoded_off=1e-6):
    made = Row(name, way, rates=rates)
    made.judge(network_off, decoded_off)
    return made


def line_of(name, text):
    [line] = [line for line in text.splitlines() if line.startswith(f"| {name}")]
    return line


def test_what_is_wrong():
    expected = np.ones((2, 4), np.float32)
    assert distance(expected, expected) == 0
    assert distance(expected * 1.5, expected) == pytest.approx(0.5)
    assert not is_wrong(9e-5)
    assert is_wrong(1.1e-4)
    assert is_wrong(math.nan)


def test_a_wrong_peer_is_printed_as_wrong_not_as_fast():
    line = line_of("bf16", table("network", [row("verger", [100.0]),
                                             row("bf16", [], network_off=0.22, decoded_off=0.22)]))
    assert "wrong: features off by 22 %" in line
    assert not any(cell.strip() for cell in line.split("|")[3:-1])


def test_other_pixels_are_told_and_timed():
    line = line_of("OpenCV", table("files", [row("verger", [100.0]),
                                             row("OpenCV", [50.0], decoded_off=0.07)]))
    assert "| 2.00 x |" in line
    assert "7 %: other pixels than the reference's" in line


def test_quotients_are_of_the_same_round():
    # The machine was half as fast in the second round, which no quotient shows.
    assert quotients([100.0, 50.0, 90.0], [50.0, 25.0, 45.0]) == [2.0, 2.0, 2.0]
    with pytest.raises(ValueError):
        quotients([1.0, 2.0], [1.0])


def test_the_better_way_counts():
    rows = [row("verger", [200.0], "2 threads"), row("a", [90.0, 110.0, 100.0], "2 threads"),
            row("a", [180.0, 10.0, 170.0], "2 processes"), row("b", [], "2 processes", math.nan),
            row("b", [50.0], "2 threads")]
    best = [(first.name, first.way, len(others)) for first, others in best_ways(rows)]
    assert best == [("verger", "2 threads", 0), ("a", "2 processes", 1), ("b", "2 threads", 1)]
    rows[0].rates *= 3
    rows[4].rates *= 3
    text = table("two", rows)
    assert "| a, 2 processes (2 threads: 100.0) | 170.0 | 10.0 to 180.0 | 1.18 x |" in text
    assert "| b, 2 threads (2 processes: wrong: features off by nan %) | 50.0 |" in text


def test_verger_is_timed_between_its_first_image_and_its_last():
    def progress(phase, done, seconds):
        return {"event": "progress", "phase": phase, "done": done, "seconds": seconds}

    events = [{"event": "start"}, progress("list", 50, 0.1), progress("extract", 0, 0.5),
              progress("extract", 20, 0.9), progress("extract", 50, 1.0), progress("fit", 1, 9.0),
              {"event": "end", "seconds": 10.0}]
    assert extraction_rate(events) == 100
