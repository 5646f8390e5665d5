"""The classifiers of `verger classify train`: labels of rows of features, with probabilities.

Scores and distances are summed by numpy in float64. The command sums them in float32, so its
probabilities differ by some 1e-5, and a label only where two are as likely to within that.
"""

from __future__ import annotations

import json
import math
from array import array
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Optional, Sequence

from verger import _tensor_file
from verger._library import library
from verger.model import PathLike
from verger.neighbours import rows_of

if TYPE_CHECKING:
    import numpy

    Matrix = numpy.ndarray[Any, numpy.dtype[numpy.float64]]

KIND = "verger classifier"  # of its file
FACTS = ("kind", "method", "temperature", "space", "features_model", "unknown_above",
         "verger_version")  # that the classifier tells itself
SENSORS = ("sensor_names", "sensor_scales", "sensor_categories")  # of columns of another table
COLUMNS = {"features": "features", "pca": "pca_features"}  # of a table, by space
ROWS_A_BLOCK = 4096  # scored at a time, so that few rows are there as float64
ONNX_OPSET = 13  # of 2020, that every runtime in use reads
ONNX_IR = 8


class Classifier:
    """The label of a row x is the one whose weights.(x - mean) + bias is largest. Read-only:
    threads and forked processes may share it. Can be pickled."""

    def __init__(self, labels: Sequence[str], weights: Any, bias: Any, mean: Any, *,
                 temperature: float = 1.0, method: str = "logistic",
                 space: str = "features", features_model: str = "", whitening: Any = None,
                 centres: Any = None, unknown_above: Optional[float] = None,
                 facts: Optional[Mapping[str, str]] = None,
                 sensors: Optional[Mapping[str, _tensor_file.AnyTensor]] = None) -> None:
        """From weights [classes][dims], bias [classes] and mean [dims] that were fitted before,
        with labels in ascending order; whitening [dims][dims], centres [n][dims] and a limit where
        it knows what is unknown; facts and sensors are kept for `save`, what else a file says.
        `load` is the usual way to a classifier."""
        self._labels = list(labels)
        self._weights, self._bias, self._mean = fixed(weights, 2), fixed(bias, 1), fixed(mean, 1)
        self._temperature = float(temperature)
        self._method, self._space, self._features_model = method, space, features_model
        classes, dims = self._weights.shape
        if classes < 2 or self._bias.shape != (classes,) or self._mean.shape != (dims,):
            raise ValueError("weights, bias and mean do not fit one another")
        if len(self._labels) != classes:
            raise ValueError(f"there are {len(self._labels)} labels for {classes} classes")
        if sorted(set(self._labels)) != self._labels:
            raise ValueError("the labels are not in order")
        if not (math.isfinite(self._temperature) and self._temperature > 0):
            raise ValueError(f"the temperature is {temperature}: a number above 0 is needed")
        if space not in COLUMNS:
            raise ValueError(f"the space is {space!r}: {' and '.join(COLUMNS)} are possible")
        self._facts, self._sensors = dict(facts or {}), dict(sensors or {})
        self._whitening = self._centres = self._unknown_above = None
        if unknown_above is not None:
            self._whitening, self._centres = fixed(whitening, 2), fixed(centres, 2)
            self._unknown_above = float(unknown_above)
            if self._whitening.shape != (dims, dims) or self._centres.shape[1] != dims:
                raise ValueError("whitening and centres do not fit the weights")
            if not (math.isfinite(self._unknown_above) and self._unknown_above > 0):
                raise ValueError(f"unknown_above is {unknown_above}: a number above 0 is needed")

    @classmethod
    def load(cls, path: PathLike) -> Classifier:
        """That of a file of `verger classify train`. ValueError where it is none."""
        with _tensor_file.reading(path, KIND, "classifier") as file:
            weights, bias, mean = (file.doubles(name) for name in ("weights", "bias", "mean"))
            labels = file.octets("labels")
            if not labels.endswith(b"\0"):
                raise ValueError("its labels have no end")
            facts = file.metadata
            novelty: dict[str, Any] = {}
            if "unknown_above" in facts:
                novelty = {name: array_of(file.floats(name)) for name in ("whitening", "centres")}
                novelty["unknown_above"] = float(facts["unknown_above"])
            return cls(labels.decode().split("\0")[:-1], array_of(weights), array_of(bias),
                       array_of(mean), temperature=float(facts["temperature"]),
                       method=facts["method"], space=facts["space"],
                       features_model=facts.get("features_model", ""), **novelty,
                       facts={key: facts[key] for key in facts if key not in FACTS},
                       sensors={name: file.as_it_is(name) for name in SENSORS if name in file})

    def save(self, path: PathLike) -> None:
        """To a file that `load` and the command read."""
        file: dict[str, _tensor_file.AnyTensor] = {
            "weights": tensor_of(self._weights), "bias": tensor_of(self._bias),
            "mean": tensor_of(self._mean)}
        facts = {"method": self._method, "temperature": f"{self._temperature:.17g}",
                 "space": self._space, "features_model": self._features_model, **self._facts,
                 "verger_version": library().vg_version().decode()}
        if self._whitening is not None and self._centres is not None:
            file["whitening"] = tensor_of(self._whitening, "f")
            file["centres"] = tensor_of(self._centres, "f")
            facts["unknown_above"] = f"{self._unknown_above:.17g}"
        labels = b"".join(label.encode() + b"\0" for label in self._labels)
        file.update({**self._sensors, "labels": _tensor_file.Octets((len(labels),), labels)})
        _tensor_file.write(path, KIND, file, facts)

    @property
    def labels(self) -> list[str]:
        """Of the classes, in ascending order."""
        return list(self._labels)

    @property
    def weights(self) -> Matrix:
        """[classes][dims], of rows less the mean."""
        return self._weights

    @property
    def bias(self) -> Matrix:
        """[classes]"""
        return self._bias

    @property
    def mean(self) -> Matrix:
        """[dims], of the rows that were trained on."""
        return self._mean

    @property
    def temperature(self) -> float:
        """What scores are divided by before they become probabilities."""
        return self._temperature

    @property
    def method(self) -> str:
        """logistic or lda."""
        return self._method

    @property
    def space(self) -> str:
        """What its rows are: features, or pca, for those that a PCA projected."""
        return self._space

    @property
    def features_model(self) -> str:
        """The SHA-256 of the weights of the network whose features were trained on."""
        return self._features_model

    @property
    def unknown_above(self) -> Optional[float]:
        """The distance above which a row is unknown; None where the classifier does not know."""
        return self._unknown_above

    @property
    def dims(self) -> int:
        """Of a row."""
        return int(self._weights.shape[1])

    def predict(self, rows: Any) -> numpy.ndarray[Any, numpy.dtype[numpy.str_]]:
        """The likeliest label of each row. `rows` is an array of numpy [n][dims], taken as
        float32, or a table with the column features, pca_features where space is pca, or that
        column as a Series."""
        import numpy

        likeliest = self.predict_proba(rows).argmax(axis=1)
        labels: numpy.ndarray[Any, numpy.dtype[numpy.str_]] = numpy.array(self._labels)[likeliest]
        return labels

    def predict_proba(self, rows: Any) -> Matrix:
        """The probabilities [n][classes] of the labels for rows as `predict` takes them."""
        import numpy

        blocks = [numpy.empty((0, len(self._labels)))]
        for block in self._blocks(rows):
            scores = (block @ self._weights.T + self._bias) / self._temperature
            powers = numpy.exp(scores - scores.max(axis=1, keepdims=True))
            blocks.append(powers / powers.sum(axis=1, keepdims=True))
        return numpy.concatenate(blocks)

    def unknown(self, rows: Any) -> numpy.ndarray[Any, numpy.dtype[numpy.bool_]]:
        """Whether each row is unlike all that was trained on, as `verger predict` says it."""
        distances = self.unknown_distance(rows)
        return ~(distances <= (self._unknown_above or 0.0))

    def unknown_distance(self, rows: Any) -> numpy.ndarray[Any, numpy.dtype[numpy.float64]]:
        """The distance [n] of each row from the nearest class, by the scatter within classes.
        ValueError where the classifier does not know, as after `train --folds 0`."""
        import numpy

        if self._whitening is None or self._centres is None:
            raise ValueError("the classifier does not know what is unknown: train it in folds")
        blocks = [numpy.empty(0)]
        sizes = (self._centres ** 2).sum(axis=1)
        for block in self._blocks(rows):
            whitened = block @ self._whitening.T
            squares = sizes - 2 * (whitened @ self._centres.T)
            squares = squares.min(axis=1) + (whitened ** 2).sum(axis=1)
            blocks.append(numpy.sqrt(numpy.maximum(squares, 0)))
        return numpy.concatenate(blocks)

    def _blocks(self, rows: Any) -> Iterator[Matrix]:
        """Rows less the mean."""
        import numpy

        features = rows_of(rows, COLUMNS[self._space], self.dims)
        if features.shape[1] != self.dims:
            raise ValueError(f"the rows have {features.shape[1]} numbers, the classifier is of "
                             f"{self.dims}")
        for first in range(0, len(features), ROWS_A_BLOCK):
            block = features[first:first + ROWS_A_BLOCK]
            finite = numpy.isfinite(block).all(axis=1)
            if not finite.all():
                raise ValueError(f"row {first + int(finite.argmin())} has a number that is not "
                                 "finite: filter such rows out first")
            yield block - self._mean

    def to_sklearn(self) -> Any:
        """A LogisticRegression of scikit-learn that is fitted, with the same labels and
        probabilities; mean and temperature are in its coefficients. That is so for a classifier
        of discriminants too: its probabilities are of the same form."""
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError:
            raise ImportError("to_sklearn needs scikit-learn: pip install 'verger[sklearn]'"
                              ) from None
        import numpy

        coefficients, intercepts = self._folded()
        if len(self._labels) == 2:  # scikit-learn keeps the difference of two classes
            coefficients = coefficients[1:] - coefficients[:1]
            intercepts = intercepts[1:] - intercepts[:1]
        model = LogisticRegression()
        model.classes_ = numpy.array(self._labels)
        model.coef_, model.intercept_ = coefficients, intercepts
        model.n_features_in_ = self.dims
        return model

    def _folded(self) -> tuple[Matrix, Matrix]:
        """Weights and bias of rows that the mean is not taken off."""
        bias = self._bias - self._weights @ self._mean
        return self._weights / self._temperature, bias / self._temperature

    def to_onnx(self, path: PathLike) -> None:
        """Writes a graph of ONNX: input `rows`, float32 [n][dims], output `probabilities`, float32
        [n][classes]. Its metadata hold the labels, a list in JSON."""
        try:
            import onnx
        except ImportError:
            raise ImportError("to_onnx needs the package onnx: pip install onnx") from None
        import numpy

        values = {"mean": self._mean, "weights": self._weights.T / self._temperature,
                  "bias": self._bias / self._temperature}
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node("Sub", ["rows", "mean"], ["centred"]),
             helper.make_node("MatMul", ["centred", "weights"], ["products"]),
             helper.make_node("Add", ["products", "bias"], ["scores"]),
             helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1)],
            "verger_classifier",
            [helper.make_tensor_value_info("rows", kind, ["n", self.dims])],
            [helper.make_tensor_value_info("probabilities", kind, ["n", len(self._labels)])],
            [onnx.numpy_helper.from_array(numpy.ascontiguousarray(value, numpy.float32), name)
             for name, value in values.items()])
        version = library().vg_version().decode()
        model = helper.make_model(graph, producer_name="verger", producer_version=version,
                                  opset_imports=[helper.make_opsetid("", ONNX_OPSET)],
                                  ir_version=ONNX_IR)
        helper.set_model_props(model, {
            "kind": KIND, "labels": json.dumps(self._labels, ensure_ascii=False),
            "method": self._method, "space": self._space, "features_model": self._features_model})
        onnx.checker.check_model(model)
        _tensor_file.write_whole(path, model.SerializeToString())

    def __repr__(self) -> str:
        return (f"<verger.Classifier, {self._method}, {len(self._labels)} labels, rows of "
                f"{self.dims} {COLUMNS[self._space]}>")

    def __reduce__(self) -> tuple[Any, ...]:
        return reopen_classifier, (self._labels, self._weights, self._bias, self._mean,
                                   {"temperature": self._temperature, "method": self._method,
                                    "space": self._space, "features_model": self._features_model,
                                    "whitening": self._whitening, "centres": self._centres,
                                    "unknown_above": self._unknown_above, "facts": self._facts,
                                    "sensors": self._sensors})


def reopen_classifier(labels: list[str], weights: Any, bias: Any, mean: Any,
                      others: dict[str, Any]) -> Classifier:
    return Classifier(labels, weights, bias, mean, **others)


def array_of(tensor: _tensor_file.Tensor) -> Matrix:
    import numpy

    return numpy.array(tensor.values).reshape(tensor.shape)


def tensor_of(values: Matrix, code: str = "d") -> _tensor_file.Tensor:
    numbers: array[float] = array(code)
    numbers.frombytes(values.astype(code).tobytes())
    return _tensor_file.Tensor(values.shape, numbers)


def fixed(values: Any, axes: int) -> Matrix:
    """A copy as float64 that cannot be written to."""
    import numpy

    copy = numpy.array(values, numpy.float64)
    if copy.ndim != axes or copy.size == 0:
        raise ValueError("weights, bias and mean do not fit one another")
    if not numpy.isfinite(copy).all():
        raise ValueError("a number of the classifier is not finite")
    copy.setflags(write=False)
    return copy
