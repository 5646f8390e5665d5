"""Pictures for tests, drawn from seeds."""

import io

import numpy
from PIL import Image


def photograph(seed, size=(100, 100)):
    """A smooth random picture, so that no two have the same features."""
    random = numpy.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=numpy.uint8))
    return coarse.resize(size, Image.BICUBIC)


def encoded(picture, kind="JPEG", **options):
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def fill(folder, per_class=8, classes=("Apple 1", "Apple 2", "Pear 1"), split="Training"):
    """The dataset's layout: Training/<class>/<file>.jpg."""
    seed = 0
    for name in classes:
        (folder / split / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            data = encoded(photograph(seed), quality=90)
            (folder / split / name / f"r_{i}_100.jpg").write_bytes(data)
            seed += 1
    return folder


CUT_IMAGE = "Training/Apple 2/r_10_100.jpg"


def with_a_cut_image(folder):
    """90 images of 3 classes, of which one ends too early."""
    cut = fill(folder, per_class=30) / CUT_IMAGE
    cut.write_bytes(cut.read_bytes()[:300])
    return folder
