"""What a mode selects below the input: counted before anything is paid for."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

from verger.emr.aws import Aws, told
from verger.emr.outcomes import CheckFailed
from verger.emr.settings import split_address

# As verger.spark.options has them; tests/emr compares the two.
MODES = {"full": ("Training/*/*.jpg", None), "apples": ("Training/Apple*/*.jpg", None),
         "mini": ("Training/Apple*/*.jpg", 300)}


class Images(NamedTuple):
    """Number and size of what will be read."""

    number: int
    bytes: int


def pattern_words(pattern: str) -> re.Pattern[str]:
    """A pattern of paths: * ? [] stay within a name, **/ stands for any depth."""
    pieces = re.split(r"(\*\*/|\*|\?|\[[^]]+\])", pattern)
    known = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(
        known.get(piece) or (piece.replace("[!", "[^") if piece.startswith("[")
                             else re.escape(piece)) for piece in pieces))


def count_images(aws: Aws, address: str, mode: str, options: Sequence[str] = ()) -> Images:
    """By listing, which costs a request for a thousand. Raises CheckFailed where there are none."""
    pattern, limit = MODES[mode]
    words = {name: value for name, value in zip(options, [*options[1:], ""])}
    if "--select" in words:
        pattern, limit = words["--select"], None
    if words.get("--limit", "").isdigit():
        limit = min(limit or 1 << 62, int(words["--limit"]))
    bucket, prefix = split_address(address)
    above = f"{prefix}/" if prefix else ""
    fixed = re.split(r"[*?\[{]", pattern)[0]
    matches = None if "{" in pattern else pattern_words(pattern)
    count = size = 0
    with told(aws, f"list {address}"):
        for item in aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket,
                              Prefix=above + fixed):
            if matches is None or matches.fullmatch(item["Key"][len(above):]):
                count, size = count + 1, size + item["Size"]
                if limit and count == limit:
                    break
    if not count:
        raise CheckFailed(f"no image below {address} matches {pattern}",
                          "verger-emr upload --data DIR, where DIR holds Training/")
    return Images(count, size)
