"""Files to what the network takes: [224][224][3], -1 to 1."""

from typing import Callable, NamedTuple

import numpy as np

SIZE = 224


class Decoder(NamedTuple):
    name: str
    load: Callable[..., np.ndarray]  # a path; Pillow's takes an open file as well


def normalised(pixels):
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def pillow():
    """As the reference prepares images; verger's pixels are the same."""
    import PIL
    from PIL import Image

    def load(file):
        with Image.open(file) as image:
            return normalised(np.asarray(image.convert("RGB").resize((SIZE, SIZE),
                                                                     Image.Resampling.BICUBIC)))

    return Decoder(f"Pillow {PIL.__version__}", load)


def opencv():
    """Its cubic is another one than Pillow's: -0.75 where that takes -0.5."""
    import cv2

    cv2.setNumThreads(1)

    def load(file):
        image = cv2.imread(file, cv2.IMREAD_COLOR_RGB)
        return normalised(cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))

    return Decoder(f"OpenCV {cv2.__version__}", load)


DECODERS = {"pillow": pillow, "opencv": opencv}
