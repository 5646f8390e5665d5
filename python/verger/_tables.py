"""Tables of images, whoever made them, in chunks of path, label, sources and the rest."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, NamedTuple, Optional

import pyarrow as pa
import pyarrow.compute as pc

from verger._arrow import is_frame, stream_of
from verger._rows import (CONTENTS, LABELS, PATHS, Encoded, Failed, File, Reader, Row, Source,
                          label_of)

# What a thread takes at a time: some tenths of a second of work.
CHUNK_ROWS = 32
CHUNK_BYTES = 16 << 20


class Chunk(NamedTuple):
    """Some images. `others` are the columns that are carried along, None where there are none."""

    path: pa.Array
    label: pa.Array
    sources: list[Source]
    others: Optional[pa.RecordBatch]

    @property
    def bytes(self) -> int:
        return sum(map(size_of, self.sources))


def size_of(source: Source) -> int:
    if isinstance(source, Encoded):
        return int(source.content.size)
    return 0 if isinstance(source, (File, Failed)) else int(source.rgb.size)


def chunks_of(images: Any, reader: Reader) -> Iterator[Chunk]:
    """Of everything that Extractor.extract takes."""
    if isinstance(images, (pa.Array, pa.ChunkedArray)):
        yield from batch_chunks(column_batches(images))
    elif is_frame(images):
        stream = stream_of(images)
        if stream is None:  # a column of pandas that holds objects, such as pictures
            yield from row_chunks(reader.rows(images.to_dict("records")))
        else:
            yield from batch_chunks(stream)
    else:
        yield from row_chunks(reader.rows(images))


# --- Rows ------------------------------------------------------------------------------------


def row_chunks(rows: Iterable[Row]) -> Iterator[Chunk]:
    taken: list[Row] = []
    size = 0
    for row in rows:
        taken.append(row)
        size += size_of(row.source)
        if len(taken) == CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk_of_rows(taken)
            taken, size = [], 0
    if taken:
        yield chunk_of_rows(taken)


def chunk_of_rows(rows: list[Row]) -> Chunk:
    others = None
    names = list(dict.fromkeys(name for row in rows for name in row.others))
    if names:
        columns = [pa.array([row.others.get(name) for row in rows]) for name in names]
        others = checked(pa.RecordBatch.from_arrays(columns, names))
    return Chunk(pa.array([row.path for row in rows], pa.string()),
                 pa.array([row.label for row in rows], pa.string()),
                 [row.source for row in rows], others)


# --- Batches ---------------------------------------------------------------------------------


def is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return str(kind) in ("string", "large_string", "string_view")


def is_binary(kind: pa.DataType) -> bool:
    return str(kind) in ("binary", "large_binary", "binary_view")


def is_image_struct(kind: pa.DataType) -> bool:
    """The images of Hugging Face's datasets."""
    return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def find(schema: pa.Schema, names: Iterable[str], fits: Any) -> Optional[str]:
    return next((name for name in names
                 if name in schema.names and fits(schema.field(name).type)), None)


def column_batches(column: Any) -> Iterator[pa.RecordBatch]:
    """A column alone: of paths, of the bytes of images or of Hugging Face's images."""
    name = "path" if is_text(column.type) else "image"
    for part in getattr(column, "chunks", [column]):
        yield pa.RecordBatch.from_arrays([part], [name])


def batch_chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[Chunk]:
    for batch in batches:
        yield from chunks_of_batch(batch)


def chunks_of_batch(batch: pa.RecordBatch) -> Iterator[Chunk]:
    if not isinstance(batch, pa.RecordBatch):
        raise TypeError(f"batches are needed, not {type(batch).__name__}: give Extractor.extract "
                        "what are no batches")
    schema = batch.schema
    content_name = find(schema, CONTENTS, lambda kind: is_binary(kind) or is_image_struct(kind))
    path_name = find(schema, PATHS, is_text)
    if content_name is None and path_name is None:
        raise ValueError("the table has no images: a column of bytes named "
                         f"{', '.join(CONTENTS)} or of text named {', '.join(PATHS)} is needed, "
                         f"there are {', '.join(schema.names)}")
    content, path, has_files = None, text_column(batch, path_name), content_name is None
    if content_name is not None:
        content = batch.column(content_name)
        if is_image_struct(content.type):
            content, path, has_files = struct_columns(content, path)
        content = as_type(content, pa.large_binary())
    label_name = find(schema, LABELS, lambda kind: not pa.types.is_nested(kind))
    label = text_column(batch, label_name)
    if label is None:
        label = labels_of(path, len(batch))
    kept = [name for name in schema.names if name not in (content_name, path_name, label_name)]
    others = checked(batch.select(kept)) if kept else None
    path = path if path is not None else pa.nulls(len(batch), pa.string())
    yield from slices(Chunk(path, label, [], others), content, has_files)


def slices(whole: Chunk, content: Optional[pa.Array], has_files: bool) -> Iterator[Chunk]:
    sizes = pc.binary_length(content).to_pylist() if content is not None else None
    start, rows = 0, len(whole.path)
    while start < rows:
        end, size = start, 0
        while end < rows and end - start < CHUNK_ROWS and size < CHUNK_BYTES:
            size += (sizes[end] or 0) if sizes else 0
            end += 1
        path = whole.path.slice(start, end - start)
        sources = [source_of(path[i - start], None if content is None else content[i], has_files)
                   for i in range(start, end)]
        others = whole.others.slice(start, end - start) if whole.others is not None else None
        yield Chunk(path, whole.label.slice(start, end - start), sources, others)
        start = end


def source_of(path: Any, content: Any, has_files: bool) -> Source:
    if content is not None and content.is_valid:
        return Encoded(content.as_buffer())
    name = path.as_py()
    return File(name) if has_files and name is not None else Failed("no content")


def as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast where it has another type: views, dictionaries, large and small."""
    return column if column.type == kind else column.cast(kind)


def text_column(batch: pa.RecordBatch, name: Optional[str]) -> Optional[pa.Array]:
    return None if name is None else as_type(batch.column(name), pa.string())


def struct_columns(images: pa.Array, path: Optional[pa.Array]) -> tuple[pa.Array, Any, bool]:
    """bytes, path, and whether it is a file's where there are no bytes."""
    content = pc.struct_field(images, "bytes")
    if path is not None or images.type.get_field_index("path") < 0:
        return content, path, False
    return content, as_type(pc.struct_field(images, "path"), pa.string()), True


def labels_of(path: Optional[pa.Array], rows: int) -> pa.Array:
    """Folders, where the table has no labels."""
    if path is None:
        return pa.nulls(rows, pa.string())
    return pa.array([None if name is None else label_of(name) for name in path.to_pylist()],
                    pa.string())


def checked(others: pa.RecordBatch) -> pa.RecordBatch:
    """What is carried along must not hide what is added."""
    for name in ("path", "label", "features", "error"):
        if name in others.schema.names:
            raise ValueError(f"the column {name!r} is there already: rename it or leave it out")
    return others
