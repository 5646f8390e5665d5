"""What a job takes: options with the names, the meaning and the defaults of `verger run`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Optional, Sequence

from verger._library import FEATURE_COUNT
from verger.spark.addresses import for_command

# A mode stands for a pattern of paths below the input and a number of images.
MODES = {
    "full": ("Training/*/*.jpg", None),
    "apples": ("Training/Apple*/*.jpg", None),
    "mini": ("Training/Apple*/*.jpg", 300),
}

MIB = 1 << 20
PART_ROWS = 4096
LOG_LEVELS = ("error", "warning", "info", "debug")


@dataclass(frozen=True)
class Options:
    """input and output are a folder that every machine sees, or an address such as s3://. Raises
    ValueError where a value makes no sense; what the command alone can tell, it tells."""

    input: str
    output: str
    mode: Optional[str] = None  # of MODES; without one, every image
    k: float = 50  # components; 0 for none, 0.95 for as many as explain that share
    fit_on: Optional[str] = None  # the split to fit the PCA to
    center: bool = False
    whiten: bool = False
    normalize: bool = False  # features of length 1
    dtype: Optional[str] = None  # of the features, float32 or float16
    select: Sequence[str] = ()  # patterns of paths below the input, instead of the mode's
    exclude: Sequence[str] = ()
    files_from: Optional[str] = None  # a list of names on the machine of the driver
    label: Optional[str] = None
    label_column: Optional[str] = None
    keep_columns: Optional[str] = None  # of files_from, with commas between
    limit: Optional[int] = None  # the first images in byte order of their paths
    sample: Optional[int] = None  # so many drawn from all
    seed: Optional[int] = None
    formats: tuple[str, ...] = ("parquet", "csv")
    model: Optional[str] = None  # as of verger.find_model
    timestamp: Optional[str] = None  # names the tables: YYYYMMDD_HHMMSS
    overwrite: bool = False
    resume: bool = False
    update: bool = False
    checksum: bool = False
    max_errors: Optional[str] = None  # a number, or a share as in "2%"
    max_pixels: Optional[int] = None
    max_file_size: int = 256 * MIB
    exif_orient: bool = False
    quality: bool = False  # measure images too, for `verger inspect --quality`
    part_rows: Optional[int] = None  # images of a part at most; None is as many as fit the cores
    part_bytes: int = 512 * MIB  # of their files, where Hadoop reads
    require_region: Optional[str] = None  # of the buckets, as of verger.regions
    follow_links: bool = False
    requester_pays: bool = False  # for what is asked of buckets of S3
    hadoop: bool = False  # let Hadoop list and read
    log_level: str = "info"

    def __post_init__(self) -> None:
        if isinstance(self.select, str):
            object.__setattr__(self, "select", (self.select,))
        if isinstance(self.exclude, str):
            object.__setattr__(self, "exclude", (self.exclude,))
        if self.mode is not None and self.mode not in MODES:
            raise ValueError(f'mode "{self.mode}": it must be mini, apples or full')
        if not 0 <= self.k <= FEATURE_COUNT or (self.k > 1 and self.k != int(self.k)):
            raise ValueError(f"{self.k} components: it must be 1 to {FEATURE_COUNT}, or 0 for features "
                             "alone")
        if not self.formats or set(self.formats) - {"parquet", "csv"}:
            raise ValueError(f"format {','.join(self.formats)}: parquet, csv or both")
        if self.timestamp is not None and not re.fullmatch(r"\d{8}_\d{6}", self.timestamp):
            raise ValueError(f'timestamp "{self.timestamp}": it must be YYYYMMDD_HHMMSS')
        for name in ("limit", "sample", "part_rows", "part_bytes", "max_file_size", "max_pixels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name.replace('_', '-')} {value}: it must be at least 1")
        if self.log_level not in LOG_LEVELS:
            raise ValueError(f"log-level {self.log_level}: {', '.join(LOG_LEVELS)}")
        if self.files_from == "-":
            raise ValueError("files-from -: give a file, standard input is not the driver's")
        self.allowed_errors(0)

    # --- For the command ------------------------------------------------------

    def worker_words(self) -> list[str]:
        """Of `verger run`, all that a part depends on."""
        words = [for_command(self.input), for_command(self.output), "-k", str(self.k), "--format",
                 ",".join(self.formats), "--max-file-size", str(self.max_file_size)]
        for name in ("max_pixels", "require_region", "keep_columns", "fit_on", "dtype"):
            if getattr(self, name) is not None:
                words += [f"--{name.replace('_', '-')}", str(getattr(self, name))]
        return words + self.switches("exif_orient", "follow_links", "requester_pays", "center", "whiten",
                                       "normalize", "quality")

    def words(self) -> list[str]:
        """Of `verger run`, but for the model."""
        words = self.worker_words()
        for name in ("select", "exclude"):
            for pattern in getattr(self, name):
                words += [f"--{name}", pattern]
        if self.files_from is not None:
            words += ["--files-from", os.path.abspath(self.files_from)]
        for name in ("mode", "label", "label_column", "limit", "sample", "seed", "timestamp", "max_errors",
                     "part_rows"):
            if getattr(self, name) is not None:
                words += [f"--{name.replace('_', '-')}", str(getattr(self, name))]
        return words + self.switches("overwrite", "resume", "update", "checksum")

    def switches(self, *names: str) -> list[str]:
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name)]

    # --- For Hadoop -----------------------------------------------------------

    def check_for_hadoop(self) -> None:
        """ValueError where something is asked for that the command alone has."""
        for name in ("exclude", "files_from", "label", "label_column", "keep_columns", "sample", "resume",
                     "update", "follow_links", "fit_on", "center", "whiten", "normalize", "dtype",
                     "quality"):
            if getattr(self, name):
                raise ValueError(f"--{name.replace('_', '-')} is not there where Hadoop lists and reads")
        if self.requester_pays:
            raise ValueError("--requester-pays is not there where Hadoop lists and reads: set "
                             "spark.hadoop.fs.s3a.requester.pays.enabled=true")
        if len(self.select) > 1:
            raise ValueError("--select is given several times: where Hadoop lists there is one pattern")
        if self.max_file_size >= 2 << 30:
            raise ValueError("--max-file-size is 2 GB or more: where Hadoop reads it has to be less")
        if self.k < 1:
            raise ValueError(f"{self.k} components: where Hadoop lists and reads it must be 1 to {FEATURE_COUNT}")

    @property
    def pattern(self) -> Optional[str]:
        """None takes every image."""
        if self.select:
            return self.select[0]
        return MODES[self.mode][0] if self.mode else None

    @property
    def image_limit(self) -> Optional[int]:
        of_mode = MODES[self.mode][1] if self.mode and not self.select else None
        return min((limit for limit in (self.limit, of_mode) if limit), default=None)

    def allowed_errors(self, images: int) -> Optional[float]:
        """How many of `images` may fail; None is all of them."""
        if self.max_errors is None:
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", self.max_errors)
        if not found or (not found[2] and "." in found[1]):
            raise ValueError(f'max-errors "{self.max_errors}": a number, or a share as in 2%')
        return float(found[1]) * images / 100 if found[2] else float(found[1])
