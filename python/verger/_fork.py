"""Objects that have locks or threads, told when they find themselves in a forked process:
threads do not come along, and a lock that one of them held stays locked."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    def _after_fork(self) -> None: ...


watched: weakref.WeakSet[Forked] = weakref.WeakSet()


def tell_after_fork() -> None:
    for one in list(watched):
        one._after_fork()


os.register_at_fork(after_in_child=tell_after_fork)
