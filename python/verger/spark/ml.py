"""VergerFeaturizer and VergerPCA: stages of pyspark.ml pipelines."""

from __future__ import annotations

from typing import Iterable, Iterator

import pyarrow as pa
from pyspark import keyword_only
from pyspark.ml import Estimator, Model, Transformer
from pyspark.ml.feature import PCAModel
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.ml.linalg import DenseMatrix, DenseVector, VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.util import (DefaultParamsReadable, DefaultParamsReader, DefaultParamsWritable,
                             DefaultParamsWriter, MLReadable, MLReader, MLWritable, MLWriter)
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, StringType, StructType

from verger import pca as principal
from verger.extractor import FEATURES
from verger.pca import PCA
from verger.spark.arrow import map_in_arrow
from verger.spark.mllib import mllib_model
from verger.spark.moments import moments_of
from verger.spark.network import Network, share_network

Batches = Iterable[pa.RecordBatch]


class HasVectors(Params):
    """Whether the output is a column of pyspark.ml vectors, as MLlib's stages take them,
    instead of arrays."""

    vectors = Param(Params._dummy(), "vectors", "give vectors instead of arrays",
                    TypeConverters.toBoolean)

    def getVectors(self) -> bool:
        return self.getOrDefault(self.vectors)

    def as_chosen(self, frame: DataFrame, column: str) -> DataFrame:
        if not self.getVectors():
            return frame
        vector = F.when(F.col(column).isNotNull(), array_to_vector(column))
        return frame.withColumn(column, vector)


def with_column(frame: DataFrame, name: str, kind: DataType) -> StructType:
    if name in frame.columns:
        raise ValueError(f"the frame has a column {name} already: name another outputCol")
    return StructType([*frame.schema.fields]).add(name, kind)


def features_column(dataset: DataFrame, name: str) -> Column:
    """A column of arrays or vectors as array<float>."""
    column = F.col(name)
    if isinstance(dataset.schema[name].dataType, VectorUDT):
        column = vector_to_array(column, "float32")
    return column.cast(ArrayType(FloatType()))


def append(batch: pa.RecordBatch, *columns: pa.Array, names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*batch.columns, *columns], [*batch.schema.names, *names])


def nameless(name: str, column: pa.Array) -> pa.RecordBatch:
    """A batch for the library, which asks for path and label too."""
    nothing = pa.nulls(len(column), pa.string())
    return pa.RecordBatch.from_arrays([nothing, nothing, column], ["path", "label", name])


class VergerFeaturizer(Transformer, HasInputCol, HasOutputCol, HasVectors, DefaultParamsReadable,
                       DefaultParamsWritable):
    """Encoded images (inputCol, binary) to MobileNetV2 features (outputCol, array<float>) and
    the reason where there are none (errorCol, string)."""

    errorCol = Param(Params._dummy(), "errorCol", "column for the reason of a failure",
                     TypeConverters.toString)
    model = Param(Params._dummy(), "model", "weights on the driver: a safetensors file or "
                  "seeded:N; empty takes $VERGER_MODEL or the cache",
                  TypeConverters.toString)
    maxPixels = Param(Params._dummy(), "maxPixels", "largest width times height, 0 for Pillow's "
                      "limit", TypeConverters.toInt)
    exifOrient = Param(Params._dummy(), "exifOrient", "turn images as their EXIF data say",
                       TypeConverters.toBoolean)

    @keyword_only
    def __init__(self, *, inputCol: str = "content", outputCol: str = "features",
                 errorCol: str = "error", model: str = "", vectors: bool = False,
                 maxPixels: int = 0, exifOrient: bool = False) -> None:
        super().__init__()
        self._setDefault(inputCol="content", outputCol="features", errorCol="error", model="",
                         vectors=False, maxPixels=0, exifOrient=False)
        self._set(**self._input_kwargs)

    @keyword_only
    def setParams(self, **_):
        return self._set(**self._input_kwargs)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        network = share_network(dataset.sparkSession, self.getOrDefault(self.model) or None,
                                max_pixels=self.getOrDefault(self.maxPixels) or None,
                                exif_orient=self.getOrDefault(self.exifOrient))
        names = [self.getOutputCol(), self.getOrDefault(self.errorCol)]
        schema = with_column(dataset, names[0], ArrayType(FloatType()))
        schema = schema.add(names[1], StringType())
        extract = add_features(network, self.getInputCol(), names)
        return self.as_chosen(map_in_arrow(dataset, extract, schema), names[0])


def add_features(network: Network, content: str, names: list[str]):
    def extract(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = network.extract([nameless("content", batch[content])])
            done = pa.Table.from_batches(rows, schema=FEATURES)
            columns = [done[name].combine_chunks() for name in ("features", "error")]
            yield append(batch, *columns, names=names)

    return extract


class PcaParams(HasInputCol, HasOutputCol, HasVectors):
    k = Param(Params._dummy(), "k", "the number of components", TypeConverters.toInt)

    def getK(self) -> int:
        return self.getOrDefault(self.k)

    def features_of(self, dataset: DataFrame, name: str) -> DataFrame:
        """The dataset and its input column as array<float> under that name."""
        return dataset.withColumn(name, features_column(dataset, self.getInputCol()))


class VergerPCA(Estimator, PcaParams, DefaultParamsReadable, DefaultParamsWritable):
    """Fits principal components, as pyspark.ml.feature.PCA: inputCol is a column of arrays or
    vectors; null rows are left out."""

    @keyword_only
    def __init__(self, *, k: int = 50, inputCol: str = "features",
                 outputCol: str = "pca_features", vectors: bool = False) -> None:
        super().__init__()
        self._setDefault(k=50, inputCol="features", outputCol="pca_features", vectors=False)
        self._set(**self._input_kwargs)

    @keyword_only
    def setParams(self, **_):
        return self._set(**self._input_kwargs)

    def _fit(self, dataset: DataFrame) -> VergerPCAModel:
        features = self.features_of(dataset, "features").select("features")
        first = features.where(F.col("features").isNotNull()).first()
        if first is None:
            raise ValueError(f"every row of {self.getInputCol()} is null: there is nothing to fit")
        pca = principal.fit(moments_of(features, len(first.features)), self.getK())
        return self._copyValues(VergerPCAModel(pca))


class VergerPCAModel(Model, PcaParams, MLReadable, MLWritable):
    """Projects rows on fitted components, without centring them, as MLlib does; one of a file of a
    run with --center does centre them."""

    def __init__(self, pca: PCA = None) -> None:
        super().__init__()
        self._setDefault(k=50, inputCol="features", outputCol="pca_features", vectors=False)
        self.pca = pca

    @classmethod
    def fromFile(cls, path) -> VergerPCAModel:
        """That of a local file which a run or PCA.save wrote."""
        pca = PCA.load(path)
        return cls(pca)._set(k=pca.k)

    @property
    def pc(self) -> DenseMatrix:
        """The components, one a column."""
        values = [value for row in self.pca.components for value in row]
        return DenseMatrix(self.pca.dims, self.pca.k, values)

    @property
    def explainedVariance(self) -> DenseVector:
        return DenseVector(self.pca.explained_variance)

    def toMLlib(self):
        """The same as a pyspark.ml.feature.PCAModel, which can be saved in its own format. Its
        input must be vectors."""
        java = mllib_model(SparkSession.active(), self.pca)
        model = PCAModel(java)
        # Without a parent in Python the wrapper looks for parameters in Java when asked to.
        model._transfer_params_from_java()
        return model.setInputCol(self.getInputCol()).setOutputCol(self.getOutputCol())

    def _transform(self, dataset: DataFrame) -> DataFrame:
        name = self.getOutputCol()
        schema = with_column(dataset, name, ArrayType(DoubleType()))
        features = self.features_of(dataset, name)
        projected = map_in_arrow(features, replace_projected(self.pca, name), schema)
        return self.as_chosen(projected, name)

    def write(self) -> MLWriter:
        return PcaWriter(self)

    @classmethod
    def read(cls) -> MLReader:
        return PcaReader()


def replace_projected(pca: PCA, name: str):
    """The last column, of that name, from features to components."""

    def project(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            (projected,) = pca.project_batches([nameless("features", batch[name])])
            others = batch.select(batch.schema.names[:-1])
            yield append(others, projected["pca_features"], names=[name])

    return project


class PcaWriter(MLWriter):
    """MLlib's own folders: metadata in JSON, data in Parquet."""

    def __init__(self, model: VergerPCAModel) -> None:
        super().__init__()
        self.model = model

    def saveImpl(self, path: str) -> None:
        DefaultParamsWriter.saveMetadata(self.model, path, self.sc)
        data = self.sparkSession.createDataFrame([(self.model.pc, self.model.explainedVariance)],
                                                 ["pc", "explainedVariance"])
        data.coalesce(1).write.parquet(f"{path}/data")


class PcaReader(MLReader):
    def load(self, path: str) -> VergerPCAModel:
        metadata = DefaultParamsReader.loadMetadata(path, self.sc,
                                                    f"{__name__}.{VergerPCAModel.__name__}")
        row = self.sparkSession.read.parquet(f"{path}/data").first()
        components = row.pc.toArray().T.tolist()
        model = VergerPCAModel(PCA(components, row.explainedVariance.tolist()))
        DefaultParamsReader.getAndSetParams(model, metadata)
        model._resetUid(metadata["uid"])
        return model
