"""VergerClassifier: the classifiers of `verger classify` as stages of pyspark.ml pipelines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Iterable, Iterator, Sequence

import numpy
import pyarrow as pa
from pyspark import StorageLevel, TaskContext, keyword_only
from pyspark.ml import Estimator, Model
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasLabelCol, HasOutputCol
from pyspark.ml.stat import Summarizer
from pyspark.ml.util import (DefaultParamsReadable, DefaultParamsReader, DefaultParamsWritable,
                             DefaultParamsWriter, MLReadable, MLReader, MLWritable, MLWriter)
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DoubleType, StringType, StructType

from verger.class_moments import ClassMoments, common
from verger.classifier import COLUMNS, Classifier
from verger.neighbours import rows_of_batch
from verger.spark.arrow import map_in_arrow
from verger.spark.ml import append, features_column, with_column
from verger.spark.moments import SCHEMA, leaves, merge_tree, partial
from verger.spark.telling import rows_of_tasks

ROWS_A_PART = 2048  # `verger classify` merges the moments of so many rows at a time
METHODS = ("lda", "logistic")
FEATURES = "_verger_features"  # a column that comes and goes

Batches = Iterable[pa.RecordBatch]


class ClassifierParams(HasInputCol, HasOutputCol):
    """What is read, and what is written: the likeliest label goes into outputCol."""

    probabilityCol = Param(Params._dummy(), "probabilityCol", "column for the probability of the "
                           "likeliest label", TypeConverters.toString)
    unknownCol = Param(Params._dummy(), "unknownCol", "column that says which rows are unlike all "
                       "that was trained on", TypeConverters.toString)

    def _set_defaults(self) -> None:
        self._setDefault(inputCol="features", outputCol="predicted", probabilityCol="probability",
                         unknownCol="unknown")


class VergerClassifier(Estimator, ClassifierParams, HasLabelCol, DefaultParamsReadable,
                       DefaultParamsWritable):
    """Learns the labels (labelCol) of rows (inputCol, arrays or vectors). Rows that lack one of
    them are left out."""

    method = Param(Params._dummy(), "method", "lda, linear discriminants of merged moments, or "
                   "logistic, by MLlib", TypeConverters.toString)
    shrinkage = Param(Params._dummy(), "shrinkage", "of lda, from 0 to 1; below 0 is Ledoit and "
                      "Wolf's, for which all rows are read again", TypeConverters.toFloat)
    c = Param(Params._dummy(), "c", "of logistic, as scikit-learn's C", TypeConverters.toFloat)
    maxIter = Param(Params._dummy(), "maxIter", "of logistic, the most steps", TypeConverters.toInt)
    tol = Param(Params._dummy(), "tol", "of logistic, MLlib's tolerance", TypeConverters.toFloat)
    labels = Param(Params._dummy(), "labels", "of lda, all labels that there can be; where it is "
                   "empty all rows are read for them", TypeConverters.toListString)

    @keyword_only
    def __init__(self, *, method: str = "lda", inputCol: str = "features", labelCol: str = "label",
                 outputCol: str = "predicted", probabilityCol: str = "probability",
                 unknownCol: str = "unknown", shrinkage: float = -1.0, c: float = 1.0,
                 maxIter: int = 1000, tol: float = 1e-6, labels: Sequence[str] = ()) -> None:
        super().__init__()
        self._set_defaults()
        self._setDefault(method="lda", labelCol="label", shrinkage=-1.0, c=1.0, maxIter=1000,
                         tol=1e-6, labels=[])
        self._set(**self._input_kwargs)

    @keyword_only
    def setParams(self, **_):
        return self._set(**self._input_kwargs)

    def _fit(self, dataset: DataFrame) -> VergerClassifierModel:
        method = self.getOrDefault(self.method)
        if method not in METHODS:
            raise ValueError(f"the method is {method!r}: {' and '.join(METHODS)} are possible")
        features = features_column(dataset, self.getInputCol())
        rows = dataset.select(features.alias("features"),
                              F.col(self.getLabelCol()).cast("string").alias("label"))
        # The tables of runs have an empty text where an image has no label.
        rows = rows.where(F.col("features").isNotNull() & (F.col("label") != ""))
        # What gives the rows may be a network, so they are kept where they are read again.
        once = (method == "lda" and self.getOrDefault(self.shrinkage) >= 0
                and len(self.getOrDefault(self.labels)) > 0)
        level = dataset.storageLevel
        keep = not once and not (level.useMemory or level.useDisk)
        rows = rows.persist(StorageLevel.MEMORY_AND_DISK) if keep else rows
        try:
            classifier = self._fit_lda(rows) if method == "lda" else self._fit_logistic(rows)
        finally:
            if keep:
                rows.unpersist()
        return self._copyValues(VergerClassifierModel(classifier))

    def _fit_lda(self, rows: DataFrame) -> Classifier:
        labels = sorted(self.getOrDefault(self.labels) or
                        (row.label for row in rows.select("label").distinct().collect()))
        rows, count = leaves(rows)
        moments = merge_tree(map_in_arrow(rows, moments_of_partition(labels), SCHEMA), count,
                             ClassMoments)
        if moments is None:
            raise ValueError("no row has features and a label: there is nothing to fit")
        shrinkage = self.getOrDefault(self.shrinkage)
        if shrinkage < 0:
            shrinkage = moments.shrinkage(fourth_powers(rows, moments, labels))
        return moments.lda(labels, shrinkage)

    def _fit_logistic(self, rows: DataFrame) -> Classifier:
        """MLlib's sum of losses is a mean, so its penalty is ours by C and the number of rows."""
        counts = counted(rows)
        labels = sorted(counts)
        if len(labels) < 2:
            raise ValueError("there is one class alone: nothing to tell apart" if labels else
                             "no row has features and a label: there is nothing to fit")
        numbers = [F.lit(item) for pair in enumerate(labels) for item in reversed(pair)]
        number = F.create_map(*numbers)[F.col("label")].cast("double")
        vectors = rows.select(array_to_vector("features").alias("features"), number.alias("label"))
        n, c = sum(counts.values()), self.getOrDefault(self.c)
        model = LogisticRegression(family="multinomial", regParam=1 / (c * n), elasticNetParam=0.0,
                                   standardization=False, tol=self.getOrDefault(self.tol),
                                   maxIter=self.getOrDefault(self.maxIter)).fit(vectors)
        (row,) = vectors.select(Summarizer.mean(F.col("features")).alias("mean")).collect()
        mean = row.mean.toArray().astype(numpy.float32).astype(float)
        weights, bias = model.coefficientMatrix.toArray(), model.interceptVector.toArray()
        bias = bias + weights @ mean
        return Classifier(labels, weights - common(weights), bias - common(bias), mean,
                          facts={"c": f"{c:g}", "images": str(n)})


class VergerClassifierModel(Model, ClassifierParams, MLReadable, MLWritable):
    """Adds the likeliest label of each row, its probability, and whether the row is unknown, null
    where the classifier does not know. All three are null where the row is."""

    def __init__(self, classifier: Classifier = None) -> None:
        super().__init__()
        self._set_defaults()
        self.classifier = classifier

    @classmethod
    def fromFile(cls, path) -> VergerClassifierModel:
        """That of a local file which `verger classify train` or Classifier.save wrote."""
        return cls(Classifier.load(path))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        kinds = {self.getOutputCol(): StringType(),
                 self.getOrDefault(self.probabilityCol): DoubleType(),
                 self.getOrDefault(self.unknownCol): BooleanType()}
        schema = StructType([*dataset.schema.fields])
        for name, kind in kinds.items():
            with_column(dataset, name, kind)
            schema = schema.add(name, kind)
        features = dataset.withColumn(FEATURES, features_column(dataset, self.getInputCol()))
        return map_in_arrow(features, add_predictions(self.classifier, list(kinds)), schema)

    def write(self) -> MLWriter:
        return ClassifierWriter(self)

    @classmethod
    def read(cls) -> MLReader:
        return ClassifierReader()


def counted(rows: DataFrame) -> dict[str, int]:
    """Rows a label. MLlib says of rows that it cannot take by a trace of Java, or nothing."""
    def is_no_number(value: Column) -> Column:
        return F.isnan(value) | (F.abs(value) == float("inf"))

    seen = rows.groupBy("label").agg(
        F.count("label").alias("rows"), F.min(F.size("features")).alias("least"),
        F.max(F.size("features")).alias("most"),
        F.max(F.exists("features", is_no_number)).alias("wrong")).collect()
    if len({size for row in seen for size in (row.least, row.most)}) > 1:
        raise ValueError("the column features has rows of several lengths")
    if any(row.wrong for row in seen):
        raise ValueError("the column features has values that are not finite numbers: leave their rows out")
    return {row.label: row.rows for row in seen}


def classes_of(batch: pa.RecordBatch, labels: dict[str, int]) -> numpy.ndarray:
    names = batch["label"].to_pylist()
    strange = set(names) - set(labels)
    if strange:
        raise ValueError(f"the label {min(strange)!r} is none of the {len(labels)} labels")
    return numpy.array([labels[name] for name in names], numpy.int32)


def moments_of_partition(labels: list[str]):
    """For mapInArrow over batches of features and label; nothing of a partition without rows."""
    numbers = {label: number for number, label in enumerate(labels)}

    def add(batches: Batches) -> Iterator[pa.RecordBatch]:
        merged = part = None
        for batch in batches:
            if not batch.num_rows:
                continue
            rows, classes = rows_of_batch(batch, "features"), classes_of(batch, numbers)
            if merged is None:
                merged, part = (ClassMoments(len(labels), rows.shape[1]) for _ in range(2))
                filled = 0
            first = 0
            while first < len(rows):
                end = min(len(rows), first + ROWS_A_PART - filled)
                part.add(rows[first:end], classes[first:end])
                filled += end - first
                first = end
                if filled == ROWS_A_PART:
                    merged.merge(part)
                    part, filled = ClassMoments(len(labels), rows.shape[1]), 0
        if merged is not None:
            yield partial(TaskContext.get().partitionId(), merged.merge(part))

    return add


def fourth_powers(rows: DataFrame, moments: ClassMoments, labels: list[str]) -> float:
    """Of all rows: those of the partitions are summed in their order."""
    numbers, data = {label: number for number, label in enumerate(labels)}, bytes(moments)
    shared = rows.sparkSession.sparkContext.broadcast(data)

    def add(batches: Batches) -> Iterator[pa.RecordBatch]:
        total = 0.0
        with ClassMoments.from_bytes(shared.value) as means:
            for batch in batches:
                if batch.num_rows:
                    total = means.fourth_powers(rows_of_batch(batch, "features"),
                                                classes_of(batch, numbers), total)
        part = TaskContext.get().partitionId()
        yield pa.RecordBatch.from_pydict({"part": pa.array([part], pa.int64()), "powers": [total]})

    with rows_of_tasks():
        sums = map_in_arrow(rows, add, "part long, powers double").collect()
    shared.destroy()
    total = 0.0
    for row in sorted(sums, key=lambda row: row.part):
        total += row.powers
    return total


def add_predictions(classifier: Classifier, names: list[str]):
    """The last column, the rows, becomes three."""
    column = COLUMNS[classifier.space]

    def predict(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            features = batch.column(batch.num_columns - 1)
            given = features.is_valid().to_numpy(zero_copy_only=False)
            rows = pa.RecordBatch.from_arrays([features.filter(pa.array(given))], [column])
            shares = classifier.predict_proba(rows)
            labels, best = numpy.full(len(given), None, object), numpy.zeros(len(given))
            unknown = numpy.zeros(len(given), bool)
            labels[given] = numpy.array(classifier.labels, object)[shares.argmax(axis=1)]
            best[given] = shares.max(axis=1)
            knows = classifier.unknown_above is not None
            if knows:
                unknown[given] = classifier.unknown(rows)
            columns = [pa.array(labels.tolist(), pa.string()), pa.array(best, mask=~given),
                       pa.array(unknown, mask=~given if knows else numpy.ones(len(given), bool))]
            others = batch.select(batch.schema.names[:-1])
            yield append(others, *columns, names=names)

    return predict


class ClassifierWriter(MLWriter):
    """Metadata in JSON as MLlib has them; the data are the classifier's file, in Parquet."""

    def __init__(self, model: VergerClassifierModel) -> None:
        super().__init__()
        self.model = model

    def saveImpl(self, path: str) -> None:
        DefaultParamsWriter.saveMetadata(self.model, path, self.sc)
        with tempfile.TemporaryDirectory() as folder:
            self.model.classifier.save(Path(folder, "classifier"))
            data = Path(folder, "classifier").read_bytes()
        frame = self.sparkSession.createDataFrame([(bytearray(data),)], "classifier binary")
        frame.coalesce(1).write.parquet(f"{path}/data")


class ClassifierReader(MLReader):
    def load(self, path: str) -> VergerClassifierModel:
        metadata = DefaultParamsReader.loadMetadata(
            path, self.sc, f"{__name__}.{VergerClassifierModel.__name__}")
        row = self.sparkSession.read.parquet(f"{path}/data").first()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "classifier").write_bytes(row.classifier)
            model = VergerClassifierModel.fromFile(Path(folder, "classifier"))
        DefaultParamsReader.getAndSetParams(model, metadata)
        model._resetUid(metadata["uid"])
        return model
