"""`verger model import`: each of Keras's layouts, and files that are not what is needed."""

import os
import zlib

import h5py
import keras_files
import numpy as np
import pytest
import reference_network
from model_tools import BUILD, Home, features, relative_l2


@pytest.fixture(scope="module")
def layers():
    return keras_files.random_layers(seed=11)


@pytest.fixture(scope="module")
def expected(layers):
    return keras_files.folded(layers)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def h5(tmp_path):
    return tmp_path / "weights.h5"


def imported(home, h5, tmp_path):
    output = tmp_path / "out" / "weights.safetensors"
    run = home.run("model", "import", h5, "--output", output)
    assert (run.returncode, run.messages) == (0, "")
    assert run.output == f"{output}\n"
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    return output


def assert_same(path, expected):
    tensors = reference_network.read_safetensors(path)
    assert list(tensors) == sorted(expected)
    for name, values in expected.items():
        assert np.array_equal(tensors[name], values), name


def old_name(name):
    """Names of the first published files: "mobl3_conv_3_expand", "bn3_conv_3_bn_expand"."""
    if not name.startswith(("block_", "expanded_conv_")):
        return name
    number = "0" if name.startswith("expanded") else name.split("_")[1]
    kind = name.removesuffix("_BN").rsplit("_", 1)[1]
    if name.endswith("_BN"):
        return f"bn{number}_conv_{number}_bn_{kind}"
    return f"mobl{number}_conv_{number}_{kind}"


TOP = [("Logits", {"kernel": np.ones((1280, 1000), "f4"), "bias": np.ones(1000, "f4")})]

LAYOUTS = {
    "published": lambda path, layers: keras_files.write_by_name(path, layers),
    "with its head": lambda path, layers: keras_files.write_by_name(path, layers, extra=TOP),
    "whole model": lambda path, layers: keras_files.write_by_name(
        path, layers, parent="model_weights"
    ),
    "old names": lambda path, layers: keras_files.write_by_name(
        path, layers, rename=old_name, extra=TOP
    ),
    "old names, strings of any length": lambda path, layers: keras_files.write_by_name(
        path, layers, rename=old_name, variable_strings=True
    ),
    "Keras 3, model.save": lambda path, layers: keras_files.write_by_name(
        path, layers, parent="model_weights", suffix="", keep_depthwise_name=False
    ),
    "Keras 3, save_weights": lambda path, layers: keras_files.write_by_class(path, layers),
    "Keras 2.12, save_weights": lambda path, layers: keras_files.write_by_class(
        path, layers, parent="_layer_checkpoint_dependencies"
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, layers, expected, home, h5, tmp_path):
    LAYOUTS[layout](h5, layers)
    assert_same(imported(home, h5, tmp_path), expected)


def test_features(layers, expected, home, h5, tmp_path):
    keras_files.write_by_name(h5, layers)
    weights = imported(home, h5, tmp_path)
    rgb = np.random.default_rng(5).integers(0, 256, (2, 224, 224, 3), np.uint8)
    result = features(home, weights, rgb)
    for image, row in zip(rgb, result, strict=True):
        oracle = reference_network.features(expected, image)
        assert (oracle > 0).mean() > 0.5
        assert relative_l2(row, oracle) < 1e-5


def test_goes_to_the_cache(layers, expected, home, h5):
    keras_files.write_by_name(h5, layers)
    first = home.run("model", "import", h5)
    assert (first.returncode, first.output) == (0, f"{home.cached}\n")
    assert_same(home.cached, expected)
    before = home.cached.read_bytes()

    again = home.run("model", "import", h5)
    assert again.returncode == 1
    assert "--force replaces it" in again.messages
    forced = home.run("model", "import", "--force", h5)
    assert forced.returncode == 0
    assert home.cached.read_bytes() == before
    assert home.cache_names() == [home.cached.name]


def remove(name):
    def change(file):
        del file[name]

    return change


def replace(name, values):
    def change(file):
        del file[name]
        file[name] = values

    return change


def spoil(name, value):
    def change(file):
        file[name][3] = value

    return change


KERNEL = "Conv1/Conv1/kernel:0"


def stored(**storage):
    """A kernel of the right shape that lies elsewhere than right behind its header."""
    def change(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (3, 3, 3, 32), "f4", **storage)

    return change


def virtual(file):
    source = h5py.VirtualSource("other.h5", "kernel", (3, 3, 3, 32), "f4")
    layout = h5py.VirtualLayout((3, 3, 3, 32), "f4")
    layout[:] = source
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def nest(file):
    """Folders so deep that walking them would use up the stack."""
    del file[KERNEL]
    group = file["Conv1/Conv1"]
    for _ in range(20000):
        group = group.create_group("a")


DAMAGE = {
    "layer gone": (remove("block_3_expand"), 'lacks the layer "block_3_expand"'),
    "batch norm gone": (
        remove("block_16_project_BN"),
        'lacks the batch norm of layer "block_16_project"',
    ),
    "variable gone": (
        remove("Conv_1_bn/Conv_1_bn/moving_variance:0"),
        'moving_variance of layer "Conv_1" is missing',
    ),
    "another alpha": (
        replace("Conv1/Conv1/kernel:0", np.zeros((3, 3, 3, 16), "f4")),
        'kernel of layer "Conv1" is 3x3x3x16 instead of 3x3x3x32',
    ),
    "another rank": (
        replace("Conv1/Conv1/kernel:0", np.zeros((2,) * 6, "f4")),
        'kernel of layer "Conv1" is of another rank',
    ),
    "a group for a dataset": (
        lambda file: (
            remove("Conv1/Conv1/kernel:0")(file),
            file.create_group("Conv1/Conv1/kernel:0"),
        ),
        'kernel of layer "Conv1" is missing',
    ),
    "whole numbers": (
        replace("bn_Conv1/bn_Conv1/beta:0", np.zeros(32, "i4")),
        'beta of layer "Conv1" cannot be read',
    ),
    "NaN": (spoil("bn_Conv1/bn_Conv1/beta:0", np.nan), "not finite"),
    "infinity": (spoil("Conv_1_bn/Conv_1_bn/gamma:0", np.inf), "not finite"),
    "negative variance": (
        spoil("Conv_1_bn/Conv_1_bn/moving_variance:0", -1.0),
        'a variance of layer "Conv_1" is negative',
    ),
    "a link to elsewhere": (
        lambda file: (
            remove("Conv1/Conv1")(file),
            file["Conv1"].__setitem__("kernel:0", h5py.ExternalLink("other.h5", "/kernel")),
        ),
        'kernel of layer "Conv1" is missing',
    ),
    "a layer in another file": (
        replace("Conv1", h5py.ExternalLink("/dev/zero", "/Conv1")),
        'lacks the layer "Conv1"',
    ),
    "values in another file": (
        stored(external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)]),
        'kernel of layer "Conv1" lies in other files',
    ),
    "values in another dataset": (virtual, 'kernel of layer "Conv1" lies in other files'),
    "large chunks": (
        stored(chunks=(3, 3, 3, 1 << 24), maxshape=(3, 3, 3, None), compression="gzip"),
        'kernel of layer "Conv1" lies in other files or in large chunks',
    ),
    "deep folders": (nest, 'kernel of layer "Conv1" is missing'),
}


@pytest.fixture(scope="module")
def good_h5(layers, tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "weights.h5"
    keras_files.write_by_name(path, layers)
    return path.read_bytes()


def refused(home, h5, reason):
    run = home.run("model", "import", h5)
    assert run.returncode == 1
    assert run.output == ""
    assert run.messages.count("\n") == 1, run.messages
    assert str(h5) in run.messages
    assert reason in run.messages, run.messages
    assert not home.cached.exists()


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage(damage, good_h5, home, h5):
    change, reason = DAMAGE[damage]
    h5.write_bytes(good_h5)
    with h5py.File(h5, "r+") as file:
        change(file)
    refused(home, h5, reason)


def test_too_few_layers_by_order(layers, home, h5):
    few = dict(list(layers.items())[:20])
    keras_files.write_by_name(h5, few, rename=lambda name: "x" + name)
    refused(home, h5, "lacks the layer")


def test_layers_in_another_order(layers, home, h5):
    keras_files.write_by_name(
        h5, dict(reversed(layers.items())), rename=lambda name: "x" + name
    )
    refused(home, h5, "instead of 3x3x3x32")


@pytest.mark.parametrize("size", [0, 7, 100, 4096, 100_000, 5_000_000])
def test_cut_off(size, good_h5, home, h5):
    h5.write_bytes(good_h5[:size])
    refused(home, h5, "no HDF5 file, or it is cut off")


def test_other_files(home, h5):
    refused(home, h5, "No such file or directory")
    h5.write_text("<html>not here</html>" * 1000)
    refused(home, h5, "no HDF5 file")
    with h5py.File(h5, "w") as file:
        file["something"] = [1, 2, 3]
    refused(home, h5, "holds no Keras weights")
    with h5py.File(h5, "w") as file:
        file.attrs["layer_names"] = 7
    refused(home, h5, "list of layers cannot be read")


def test_bytes_turned(good_h5, home, h5):
    """Whatever a damaged file holds, the import ends with a status, not a signal."""
    random = np.random.default_rng(3)
    for _ in range(20):
        damaged = bytearray(good_h5)
        for position in random.integers(0, 60_000, 40):
            damaged[position] = random.integers(256)
        h5.write_bytes(damaged)
        run = home.run("model", "import", "--force", h5)
        assert run.returncode in (0, 1), run.messages


def test_only_regular_files(home, tmp_path):
    """Nobody writes into the FIFO: a call that opens it would wait without end."""
    os.mkfifo(tmp_path / "pipe.h5")
    for path in (tmp_path / "pipe.h5", "/dev/zero", tmp_path):
        run = home.run("model", "import", path)
        assert run.returncode == 1
        assert "it is not a regular file" in run.messages


def test_a_file_too_large(home, h5):
    h5.touch()
    os.truncate(h5, (128 << 20) + 1)
    run = home.run("model", "import", h5)
    assert run.returncode == 1
    assert "it is too large for weights of MobileNetV2" in run.messages


def is_sanitized():
    return "VERGER_SANITIZE:STRING=\n" not in (BUILD / "CMakeCache.txt").read_text()


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer has terabytes, which no limit suits")
def test_memory_is_bounded(home, layers, h5):
    """Numbers of 160 bytes, a million of them a chunk: HDF5 asks for 160 MB."""
    keras_files.write_by_name(h5, layers)
    size = 160
    wide = h5py.h5t.IEEE_F64LE.copy()
    wide.set_size(size)
    wide.set_precision(8 * size)
    with h5py.File(h5, "r+") as file:
        kernel = file["Conv1/Conv1/kernel:0"]
        shape, chunk = kernel.shape, (64, 64, 16, 16)
        del file["Conv1/Conv1/kernel:0"]
        storage = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        storage.set_chunk(chunk)
        storage.set_deflate(1)
        space = h5py.h5s.create_simple(shape, (h5py.h5s.UNLIMITED,) * len(shape))
        dataset = h5py.h5d.create(file["Conv1/Conv1"].id, b"kernel:0", wide, space, storage)
        zeros = zlib.compress(bytes(size * int(np.prod(chunk))), 1)
        dataset.write_direct_chunk((0, 0, 0, 0), zeros)
    run = home.run("model", "import", h5)
    assert run.returncode == 1
    assert 'kernel of layer "Conv1" cannot be read' in run.messages, run.messages
