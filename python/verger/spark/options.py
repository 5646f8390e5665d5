"""What a job takes: options with the names, the meaning and the defaults of `verger run`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

from verger._library import FEATURE_COUNT

# A mode stands for a pattern of paths below the input and a number of images.
MODES = {
    "full": ("Training/*/*.jpg", None),
    "apples": ("Training/Apple*/*.jpg", None),
    "mini": ("Training/Apple*/*.jpg", 300),
}

MIB = 1 << 20


@dataclass(frozen=True)
class Options:
    """input and output are addresses that Spark's Hadoop knows: s3://, s3a://, hdfs://, a
    folder. Raises ValueError where a value makes no sense."""

    input: str
    output: str
    mode: str = "full"
    k: int = 50
    select: Optional[str] = None  # pattern of paths below the input, instead of the mode's
    limit: Optional[int] = None  # the first images in byte order of their paths
    formats: tuple[str, ...] = ("parquet", "csv")
    model: Optional[str] = None  # as of verger.find_model
    timestamp: Optional[str] = None  # names the tables: YYYYMMDD_HHMMSS
    overwrite: bool = False
    max_errors: Optional[str] = None  # a number, or a share as in "2%"
    max_pixels: Optional[int] = None
    max_file_size: int = 256 * MIB
    exif_orient: bool = False
    part_rows: int = 4096  # images of a part at most
    part_bytes: int = 512 * MIB  # of their files
    require_region: Optional[str] = None  # of the buckets, as of verger.regions

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f'mode "{self.mode}": it must be mini, apples or full')
        if not 1 <= self.k <= FEATURE_COUNT:
            raise ValueError(f"{self.k} components: it must be 1 to {FEATURE_COUNT}")
        if not self.formats or set(self.formats) - {"parquet", "csv"}:
            raise ValueError(f"format {','.join(self.formats)}: parquet, csv or both")
        if self.timestamp is not None and not re.fullmatch(r"\d{8}_\d{6}", self.timestamp):
            raise ValueError(f'timestamp "{self.timestamp}": it must be YYYYMMDD_HHMMSS')
        for name in ("limit", "part_rows", "part_bytes", "max_file_size", "max_pixels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name.replace('_', '-')} {value}: it must be at least 1")
        self.allowed_errors(0)

    @property
    def pattern(self) -> str:
        return self.select or MODES[self.mode][0]

    @property
    def image_limit(self) -> Optional[int]:
        limits = [self.limit, None if self.select else MODES[self.mode][1]]
        return min((limit for limit in limits if limit), default=None)

    def allowed_errors(self, images: int) -> Optional[float]:
        """How many of `images` may fail; None is all of them."""
        if self.max_errors is None:
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", self.max_errors)
        if not found or (not found[2] and "." in found[1]):
            raise ValueError(f'max-errors "{self.max_errors}": a number, or a share as in 2%')
        return float(found[1]) * images / 100 if found[2] else float(found[1])
