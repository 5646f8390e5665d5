"""A transformer of scikit-learn: images to features.

>>> from verger.sklearn import ImageFeatures
>>> make_pipeline(ImageFeatures(), LogisticRegression()).fit(paths, labels)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

try:
    from sklearn.base import BaseEstimator, TransformerMixin
except ImportError:
    raise ImportError("verger.sklearn needs scikit-learn: pip install 'verger[sklearn]'") from None

from verger._library import FEATURE_COUNT
from verger.extractor import Extractor
from verger.model import Model, PathLike

if TYPE_CHECKING:
    import numpy


class ImageFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The 1280 features of images in any form that Extractor.extract takes. There is nothing to
    fit. Parameters are those of Extractor; errors: "raise", or "nan" for a row of NaN."""

    def __init__(self, model: Optional[PathLike] = None, *, threads: Optional[int] = None,
                 kernels: Optional[str] = None, max_pixels: Optional[int] = None,
                 exif_orient: bool = False, errors: str = "raise") -> None:
        self.model = model
        self.threads = threads
        self.kernels = kernels
        self.max_pixels = max_pixels
        self.exif_orient = exif_orient
        self.errors = errors

    def fit(self, X: Any, y: Any = None) -> ImageFeatures:
        return self

    def transform(self, X: Any) -> numpy.ndarray[Any, numpy.dtype[numpy.float32]]:
        return self._extractor().encode(X, errors=self.errors)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        import numpy

        return numpy.array([f"feature{i}" for i in range(FEATURE_COUNT)], dtype=object)

    def _extractor(self) -> Extractor:
        """Opened at the first use, and again when a parameter has changed."""
        settings = (self.model, self.threads, self.kernels, self.max_pixels, self.exif_orient)
        if self.__dict__.get("_opened", (None,))[0] != settings:
            model = Model(self.model, kernels=self.kernels)
            extractor = Extractor(model, threads=self.threads, max_pixels=self.max_pixels,
                                  exif_orient=self.exif_orient)
            self._opened = settings, extractor
        return self._opened[1]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_opened", None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
