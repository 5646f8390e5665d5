"""Called by tools/check-keras: features of verger against those of Keras."""

import logging
import pathlib
import sys
import tempfile
import warnings

import keras
import numpy as np
import tf_keras
from model_tools import Home, features, relative_l2

TOLERANCE = 1e-4  # relative L2; float32 sums in another order give about 1e-6
IMAGES = 4


def randomise(model, seed):
    """Batch norm as after training: untrained, it would be 1 and 0 and hide mistakes."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            channels = layer.gamma.shape
            layer.set_weights([
                random.uniform(0.8, 1.8, channels),
                random.normal(0, 0.2, channels),
                random.normal(0, 0.2, channels),
                random.uniform(0.1, 1.0, channels),
            ])


def without_head(kind, **options):
    return kind.applications.MobileNetV2(
        input_shape=(224, 224, 3), weights=None, include_top=False, pooling="avg", **options
    )


def with_head(kind, model):
    """The same weights below a head of random ones."""
    whole = kind.applications.MobileNetV2(input_shape=(224, 224, 3), weights=None)
    for layer in model.layers:
        if layer.get_weights():  # the names of the others are numbered from model to model
            whole.get_layer(layer.name).set_weights(layer.get_weights())
    return whole


def predict(model, rgb):
    return model.predict(rgb / np.float32(127.5) - np.float32(1), verbose=0)


def check(name, expected, h5, rgb, folder):
    home = Home(folder / name.replace(" ", "-"))
    weights = home.work / "weights.safetensors"
    run = home.run("model", "import", h5, "--output", weights)
    if run.returncode != 0:
        print(f"{name:36}  FAILED: {run.messages.strip()}")
        return False
    result = features(home, weights, rgb)
    difference = max(relative_l2(a, b) for a, b in zip(result, expected, strict=True))
    passed = difference <= TOLERANCE
    alive = (expected > 0).mean()
    print(f"{name:36}  relative L2 {difference:.1e}, {alive:.0%} of the features alive"
          f"  {'ok' if passed else 'FAILED'}")
    return passed


def refused(name, h5, folder):
    run = Home(folder / name.replace(" ", "-")).run("model", "import", h5)
    passed = run.returncode == 1 and "alpha 1.0" in run.messages
    print(f"{name:36}  {run.messages.strip()}  {'ok' if passed else 'FAILED'}")
    return passed


def main():
    # HDF5 is old: that is the point.
    warnings.simplefilter("ignore", UserWarning)
    for logger in ("absl", "tensorflow"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    rgb = np.random.default_rng(1).integers(0, 256, (IMAGES, 224, 224, 3), np.uint8)
    passed = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for kind, weights_name in ((keras, "x.weights.h5"), (tf_keras, "x.h5")):
            kind.utils.set_random_seed(3)
            model = without_head(kind)
            randomise(model, 2)
            expected = predict(model, rgb)
            for head, written in (("no head", model), ("head", with_head(kind, model))):
                label = f"Keras {kind.__version__}, {head}"
                written.save_weights(folder / weights_name)
                passed.append(
                    check(label + ", save_weights", expected, folder / weights_name, rgb, folder)
                )
                written.save(folder / "model.h5")
                passed.append(check(label + ", save", expected, folder / "model.h5", rgb, folder))
            without_head(kind, alpha=0.75).save_weights(folder / weights_name)
            label = f"Keras {kind.__version__}, alpha 0.75"
            passed.append(refused(label, folder / weights_name, folder))
    sys.exit(0 if all(passed) else 1)


main()
