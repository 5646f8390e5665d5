"""What sums of rows in the library have in common: they are merged, and go as bytes."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from typing import Any, TypeVar, Union

from verger._fork import watched
from verger._library import Handle, Resource, call, library

Self = TypeVar("Self", bound="Merged")


class Merged(Handle):
    """Threads may share them: what changes them waits for its turn. They can be pickled, and `bytes`
    of them are the same on every machine."""

    _prefix: str  # of the library's functions

    def _take(self, opener: str, *arguments: Any) -> None:
        self._lock = threading.Lock()
        self._torn = False
        self._owned = Resource(opener, f"{self._prefix}_close", *arguments)
        watched.add(self)

    def _resource(self) -> Resource:
        if self._torn:
            raise ValueError("another thread was changing the moments when this process was "
                             "forked: send their bytes instead")
        return super()._resource()

    def _after_fork(self) -> None:
        self._torn = self._torn or self._lock.locked()
        self._lock = threading.Lock()

    def merge(self: Self, other: Self) -> Self:
        """Adds all that `other` has seen."""
        if not isinstance(other, type(self)):
            raise TypeError(f"moments are needed, not {type(other).__name__}")
        # Reading moments counts rows in that wait, so both are locked: in one order, lest two
        # threads wait for each other.
        locks = sorted({self._lock, other._lock}, key=id)
        with contextlib.ExitStack() as held:
            for lock in locks:
                held.enter_context(lock)
            call(f"{self._prefix}_merge", self._resource().pointer, other._resource().pointer)
        return self

    def _number(self, name: str) -> int:
        with self._lock:
            return int(getattr(library(), f"{self._prefix}_{name}")(self._resource().pointer))

    @property
    def dims(self) -> int:
        return self._number("dims")

    def close(self) -> None:
        """Frees them now; waits for a thread that is adding to them."""
        with self._lock:
            super().close()

    def __bytes__(self) -> bytes:
        with self._lock:
            pointer = self._resource().pointer
            size = getattr(library(), f"{self._prefix}_serialized_size")(pointer)
            buffer = ctypes.create_string_buffer(size)
            getattr(library(), f"{self._prefix}_serialize")(pointer, buffer)
        return buffer.raw

    @classmethod
    def from_bytes(cls: type[Self], data: Union[bytes, bytearray, memoryview]) -> Self:
        """VergerError where the bytes are not those of moments."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"bytes are needed, not {type(data).__name__}")
        data = bytes(data)
        moments = cls.__new__(cls)
        moments._take(f"{cls._prefix}_deserialize", data, len(data))
        return moments

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (bytes(self),)
