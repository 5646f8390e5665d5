"""Moments of rows that have classes, and the linear discriminants that follow from them."""

from __future__ import annotations

from ctypes import byref, c_double
from typing import TYPE_CHECKING, Any, Sequence

from verger._library import FEATURE_COUNT, MOST_INT, call, library, whole_number
from verger._merged import Merged
from verger.classifier import Classifier
from verger.neighbours import pointer_of, rows_of

if TYPE_CHECKING:
    import numpy

    Vector = numpy.ndarray[Any, numpy.dtype[numpy.float64]]
    Matrix = numpy.ndarray[Any, numpy.dtype[numpy.float64]]

MOST_CLASSES = 65536  # VG_MOST_CLASSES


class ClassMoments(Merged):
    """Count, mean and scatter matrix of rows of classes 0 to classes - 1, and count and mean of each
    class: added to in batches, merged in any order."""

    _kind = "class moments object"
    _prefix = "vg_class_moments"

    def __init__(self, classes: int, dims: int = FEATURE_COUNT) -> None:
        self._take("vg_class_moments_open", whole_number(dims, "dims", 1, MOST_INT),
                   whole_number(classes, "classes", 1, MOST_CLASSES))

    def add(self, rows: Any, classes: Any) -> ClassMoments:
        """Adds rows, an array of numpy [n][dims] or a table with the column features, of these
        classes [n]. Numbers count as float32. A NaN or an infinity is a VergerError."""
        features, numbers = self._checked(rows, classes)
        with self._lock:
            call("vg_class_moments_add", self._resource().pointer, len(features),
                 pointer_of(features), pointer_of(numbers))
        return self

    @property
    def classes(self) -> int:
        return self._number("classes")

    @property
    def counts(self) -> list[int]:
        """Rows seen of each class."""
        classes = self.classes
        with self._lock:
            pointer = self._resource().pointer
            return [int(library().vg_class_moments_count(pointer, c)) for c in range(classes)]

    @property
    def count(self) -> int:
        """Rows seen."""
        return sum(self.counts)

    @property
    def means(self) -> Matrix:
        """[classes][dims]; zeros of a class without rows."""
        import numpy

        classes, dims = self.classes, self.dims
        with self._lock:
            pointer = self._resource().pointer
            rows = [library().vg_class_moments_mean(pointer, c)[:dims] for c in range(classes)]
        return numpy.array(rows)

    @property
    def mean(self) -> Vector:
        """[dims], of all rows."""
        import numpy

        dims = self.dims
        with self._lock:
            everything = library().vg_class_moments_all(self._resource().pointer)
            return numpy.array(library().vg_moments_mean(everything)[:dims])

    def fourth_powers(self, rows: Any, classes: Any, before: float = 0.0) -> float:
        """The sum that `shrinkage` takes, of the fourth powers of the distances of rows from the
        means of their classes: that of the rows before and of these."""
        total = c_double(before)
        features, numbers = self._checked(rows, classes)
        with self._lock:
            call("vg_class_moments_add_fourth_powers", self._resource().pointer, len(features),
                 pointer_of(features), pointer_of(numbers), byref(total))
        return total.value

    def shrinkage(self, fourth_powers: float) -> float:
        """The share by which the covariance within the classes is best drawn to a multiple of the
        identity (Ledoit and Wolf 2004), from the sum of `fourth_powers` of all rows."""
        share = c_double()
        with self._lock:
            call("vg_class_moments_shrinkage_of", self._resource().pointer, fourth_powers,
                 byref(share))
        return share.value

    def lda(self, labels: Sequence[str], shrinkage: float) -> Classifier:
        """The classifier that `verger classify train --method lda --folds 0` makes of these moments.
        Classes without rows are left out. `labels` are the names of all, in ascending order."""
        import numpy

        labels, counts, classes, dims = list(labels), self.counts, self.classes, self.dims
        if len(labels) != classes:
            raise ValueError(f"there are {len(labels)} labels for {classes} classes")
        weights, bias = numpy.empty((classes, dims)), numpy.empty(classes)
        with self._lock:
            call("vg_lda_fit", self._resource().pointer, shrinkage, pointer_of(weights),
                 pointer_of(bias))
        mean = self.mean.astype(numpy.float32).astype(float)
        for d in range(dims):  # one by one, in the command's order
            bias += weights[:, d] * mean[d]
        present = [c for c in range(classes) if counts[c]]
        weights, bias = weights[present], bias[present]
        weights -= common(weights)
        bias -= common(bias)
        return Classifier([labels[c] for c in present], weights, bias, mean, method="lda",
                          facts={"shrinkage": f"{shrinkage:.17g}", "images": str(sum(counts))})

    def _checked(self, rows: Any, classes: Any) -> tuple[Any, Any]:
        """As C takes them."""
        import numpy

        features, numbers = rows_of(rows, dims=self.dims), numpy.asarray(classes)
        if features.shape[1] != self.dims:
            raise ValueError(f"the rows have {features.shape[1]} numbers, the moments are of "
                             f"{self.dims}")
        if numbers.shape != (len(features),) or numbers.dtype.kind not in "iu":
            raise ValueError(f"{len(features)} rows need as many classes, whole numbers")
        return features, numpy.ascontiguousarray(numbers.clip(-1, MOST_INT), numpy.int32)

    def __repr__(self) -> str:
        state = "closed" if self.closed else (f"{self.count} rows of {self.dims}, "
                                              f"{self.classes} classes")
        return f"<verger.ClassMoments, {state}>"


def common(values: Any) -> Any:
    """The mean over classes, summed in their order, as the command has it."""
    total = 0.0
    for value in values:
        total = total + value
    return total / len(values)
