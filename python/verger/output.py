"""The tables that runs left in an output, of the command or of Spark."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Optional, Union

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet

if TYPE_CHECKING:
    import numpy
    import pandas

# Where the folders NAME_TIMESTAMP of each table lie, the better format first.
FOLDERS = {"features": ("features/parquet",), "pca": ("pca/parquet",),
           "metadata": ("metadata",), "errors": ("errors",), "model_info": ("model_info",),
           "variance": ("model_info",),
           **{name: (f"{name}/parquet",) for name in (
               "neighbours", "inspection", "evaluation", "confusion", "predictions", "clusters")}}


def file_system(address: Union[str, os.PathLike[str]]) -> tuple[Any, str]:
    name = os.fspath(address)
    if "://" in name:
        found, path = pa.fs.FileSystem.from_uri(name)
        return found, path
    return pa.fs.LocalFileSystem(), os.path.abspath(name)


class Output:
    """The newest complete tables of an output, or those of one timestamp. A table is complete
    when it has _SUCCESS. Tables are read when they are asked for, and anew each time."""

    def __init__(self, address: Union[str, os.PathLike[str]],
                 timestamp: Optional[str] = None) -> None:
        """address: a folder, or s3://bucket/prefix. FileNotFoundError where nothing is
        complete."""
        self.address: str = os.fspath(address)
        self._store, self._root = file_system(address)
        complete = {name: self._complete(name) for name in FOLDERS}
        times = sorted({time for folders in complete.values() for time in folders})
        self.timestamps: list[str] = list(complete["features"]) or times
        if timestamp is None:
            # A newer PCA, or what was learnt, may be of these features; an older one is of others.
            oldest = max(complete["features"], default=max(times, default=None))
            chosen = {name: max((time for time in folders if time >= (oldest or "")), default=None)
                      for name, folders in complete.items()}
            timestamp = oldest
        else:
            chosen = {name: timestamp if timestamp in folders else None
                      for name, folders in complete.items()}
        self._folders = {name: complete[name][time] for name, time in chosen.items() if time}
        if not self._folders or timestamp is None:
            there = f": there are {', '.join(times)}" if times else ""
            raise FileNotFoundError(f"{self.address} has no complete tables"
                                    + (f" of {timestamp}" if timestamp else "") + there)
        self.timestamp: str = timestamp

    @property
    def names(self) -> list[str]:
        """Of the tables that are there."""
        return list(self._folders)

    @property
    def features(self) -> pa.Table:
        """path, label, features, relative_path and split."""
        return self._parquet("features")

    @property
    def pca(self) -> pa.Table:
        """path, label, pca_features, relative_path and split."""
        return self._parquet("pca")

    @property
    def metadata(self) -> pa.Table:
        """path, label, relative_path and split of all images."""
        return self._csv("metadata")

    @property
    def errors(self) -> pa.Table:
        """path, label and error of those that failed; empty where none did."""
        if "errors" not in self._folders:
            return pa.table({name: pa.array([], pa.string()) for name in ("path", "label", "error")})
        return self._csv("errors")

    @property
    def model_info(self) -> dict[str, Any]:
        """What the run says of its model and its PCA."""
        (info,) = [json.loads(line) for file in self._files("model_info")
                   for line in self._read(file).splitlines() if line.strip()]
        return dict(info)

    @property
    def variance(self) -> pa.Table:
        """component, variance_explained and cumulative_variance."""
        return pa.concat_tables([pa.csv.read_csv(pa.BufferReader(self._read(file)))
                                 for file in self._files("variance")])

    @property
    def neighbours(self) -> pa.Table:
        """Of `verger neighbours`: the nearest images of each."""
        return self._parquet("neighbours")

    @property
    def inspection(self) -> pa.Table:
        """Of `verger inspect`: scores and reasons of each image."""
        return self._parquet("inspection")

    @property
    def evaluation(self) -> pa.Table:
        """Of `verger classify evaluate`: how well each label is learnt."""
        return self._parquet("evaluation")

    @property
    def confusion(self) -> pa.Table:
        """Of `verger classify evaluate`: how often one label is taken for another."""
        return self._parquet("confusion")

    @property
    def predictions(self) -> pa.Table:
        """Of `verger classify`, `evaluate` or `predict`: the likeliest labels of each image."""
        return self._parquet("predictions")

    @property
    def clusters(self) -> pa.Table:
        """Of `verger cluster`: the cluster of each image."""
        return self._parquet("clusters")

    def table(self) -> pa.Table:
        """features, and pca_features beside them where there is a PCA."""
        features = self.features
        if "pca" not in self._folders:
            return features
        pca = self.pca
        places = pc.index_in(features["path"], value_set=pca["path"].combine_chunks())
        if places.null_count > 0:
            raise ValueError(f"{self.address}: {places.null_count} images have features and no row "
                             "in the newest pca table, which is of others: name a timestamp")
        column = pca["pca_features"].combine_chunks().take(places.combine_chunks())
        return features.append_column("pca_features", column)

    def to_pandas(self) -> pandas.DataFrame:
        """`table` as a frame of pandas."""
        return self.table().to_pandas()

    def to_numpy(self, column: str = "features") -> numpy.ndarray[Any, Any]:
        """features [n][1280] or pca_features [n][k], in the order of `table`."""
        table = self.table()
        names = [name for name in ("features", "pca_features") if name in table.column_names]
        if column not in names:
            raise ValueError(f"column is {column!r}: {self.address} has {' and '.join(names)}")
        rows = table[column].combine_chunks()
        values: numpy.ndarray[Any, Any] = rows.flatten().to_numpy()
        return values.reshape(len(rows), -1)

    def __repr__(self) -> str:
        return f"<verger.Output {self.address!r}, {self.timestamp}: {', '.join(self._folders)}>"

    def _complete(self, name: str) -> dict[str, str]:
        """Folders by timestamp."""
        found: dict[str, str] = {}
        for place in FOLDERS[name]:
            selector = pa.fs.FileSelector(f"{self._root}/{place}", allow_not_found=True)
            for entry in self._store.get_file_info(selector):
                kind, _, time = entry.base_name.partition(f"{name}_")
                is_folder = entry.type == pa.fs.FileType.Directory
                if is_folder and kind == "" and time and self._has(f"{entry.path}/_SUCCESS"):
                    found.setdefault(time, entry.path)
        return dict(sorted(found.items(), reverse=True))

    def _has(self, path: str) -> bool:
        return bool(self._store.get_file_info(path).type == pa.fs.FileType.File)

    def _folder(self, name: str) -> str:
        if name not in self._folders:
            raise FileNotFoundError(f"{self.address} has no complete table {name} of "
                                    f"{self.timestamp} or later, but {', '.join(self._folders)}")
        return self._folders[name]

    def _files(self, name: str) -> list[str]:
        """In the order of the parts; what begins with _ or . is not for readers."""
        listed = self._store.get_file_info(pa.fs.FileSelector(self._folder(name)))
        return sorted(file.path for file in listed if file.base_name[0] not in "._")

    def _read(self, path: str) -> bytes:
        with self._store.open_input_stream(path) as file:
            return bytes(file.read())

    def _parquet(self, name: str) -> pa.Table:
        tables = [pa.parquet.read_table(file, filesystem=self._store, partitioning=None)
                  for file in self._files(name)]
        return pa.concat_tables(tables).replace_schema_metadata()

    def _csv(self, name: str) -> pa.Table:
        parse = pa.csv.ParseOptions(newlines_in_values=True)
        tables = []
        for file in self._files(name):
            data = self._read(file)
            names = pa.csv.open_csv(pa.BufferReader(data), parse_options=parse).schema.names
            kinds = {name: pa.string() for name in names}
            convert = pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=False)
            tables.append(pa.csv.read_csv(pa.BufferReader(data), parse_options=parse,
                                          convert_options=convert))
        return pa.concat_tables(tables)


def open_output(address: Union[str, os.PathLike[str]], timestamp: Optional[str] = None) -> Output:
    """The newest complete tables below `address`, or those of a timestamp."""
    return Output(address, timestamp)
