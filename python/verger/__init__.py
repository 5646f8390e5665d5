"""Verger: images to MobileNetV2 features, features to principal components.

>>> import verger
>>> table = verger.Extractor().extract(paths)
>>> table = table.filter(table["error"].is_null())
>>> pca = verger.pca.fit(table, k=50)
>>> pca.project(table)
"""

from verger import pca
from verger._crew import Times
from verger._library import FEATURE_COUNT, VergerError, image_formats, kernel_sets, library
from verger._rows import label_of
from verger.class_moments import ClassMoments
from verger.classifier import Classifier
from verger.extractor import FEATURES, IMAGES, Extractor
from verger.model import Model, find_model
from verger.neighbours import Index, neighbours
from verger.output import Output
from verger.output import open_output as open
from verger.pca import PCA, Moments

__version__ = "0.2.0"
__all__ = ["FEATURES", "FEATURE_COUNT", "IMAGES", "PCA", "ClassMoments", "Classifier", "Extractor", "Index",
           "Model", "Moments", "Output", "Times", "VergerError", "find_model", "image_formats", "kernel_sets",
           "label_of", "libraries", "library_version", "neighbours", "open", "pca"]


def library_version() -> str:
    """The version of the library that was loaded."""
    return str(library().vg_version().decode())


def libraries() -> str:
    """Names and versions of the libraries that it uses."""
    return str(library().vg_libraries().decode())
