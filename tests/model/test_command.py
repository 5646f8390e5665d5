"""`verger model list|info|verify`: which weights are taken, what they are."""

import math
import pathlib
import re
import shutil

import keras_files
import numpy as np
import pytest
import reference_network
from model_tools import SHARED_WEIGHTS, Home

needs_shared = pytest.mark.skipif(
    not SHARED_WEIGHTS.exists(), reason=f"the ImageNet weights are not here: {SHARED_WEIGHTS}"
)
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src" / "weights"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """Weights that are right in form, but not the official ones."""
    home = Home(tmp_path_factory.mktemp("random"))
    keras_files.write_by_name(home.work / "w.h5", keras_files.random_layers(seed=13))
    run = home.run("model", "import", "w.h5", "--output", "w.safetensors")
    assert run.returncode == 0, run.messages
    return home.work / "w.safetensors"


def used(run):
    lines = [line for line in run.output.splitlines() if line.startswith("*")]
    return lines[0].split()[1] if lines else None


def test_order_of_places(home, random_weights):
    """Each place that is filled wins over those below it."""
    assert used(home.run("model", "list")) == "download"

    # Nothing beside the working folder is one: whoever may write there would choose.
    shared = home.work.parent / "shared" / "models" / home.cached.name
    shared.parent.mkdir(parents=True)
    shutil.copy(random_weights, shared)
    run = home.run("model", "list")
    assert used(run) == "download"
    assert [line[2:].split()[0] for line in run.output.splitlines()[1:]] == [
        "--model", "$VERGER_MODEL", "cache", "download"
    ]

    home.cache.mkdir(parents=True)
    shutil.copy(random_weights, home.cached)
    assert used(home.run("model", "list")) == "cache"
    environment = {"VERGER_MODEL": str(random_weights)}
    assert used(home.run("model", "list", environment=environment)) == "$VERGER_MODEL"
    assert used(home.run("model", "list", environment={"VERGER_MODEL": ""})) == "cache"


def test_no_home(home):
    environment = {"HOME": "", "XDG_CACHE_HOME": ""}
    assert used(home.run("model", "list", environment=environment)) == "download"
    run = home.run("model", "fetch", environment=environment)
    assert run.returncode == 1
    assert "set HOME or XDG_CACHE_HOME, or name the weights with --model" in run.messages


def test_named_weights_are_not_passed_over(home, random_weights):
    home.cache.mkdir(parents=True)
    shutil.copy(random_weights, home.cached)
    for missing in ("gone.safetensors", "."):
        run = home.run("model", "list", environment={"VERGER_MODEL": missing})
        assert run.returncode == 1
        assert "$VERGER_MODEL names " in run.messages
        assert used(run) is None
        run = home.run("model", "info", missing)
        assert run.returncode == 1
        assert missing in run.messages


def test_no_weights(home):
    for action in ("info", "verify"):
        run = home.run("model", action)
        assert run.returncode == 1
        assert "'verger model fetch'" in run.messages


def test_info(home, random_weights):
    run = home.run("model", "info", random_weights)
    assert run.returncode == 0
    facts = dict(re.findall(r"^(\w+) +(.*)$", run.output, re.MULTILINE))
    assert facts["weights"] == str(random_weights)
    assert re.fullmatch("[0-9a-f]{64}", facts["sha256"])
    assert re.fullmatch("Keras .h5 of sha256 [0-9a-f]{64}", facts["origin"])
    assert (facts["tensors"], facts["parameters"], facts["layers"]) == ("104", "2206816", "52")


def test_info_of_another_network(home, random_weights, tmp_path):
    """The tensors are shown; that they are not the network's is the verdict."""
    renamed = tmp_path / "renamed.safetensors"
    renamed.write_bytes(random_weights.read_bytes().replace(b'"Conv_1/bias"', b'"Conv_2/bias"'))
    run = home.run("model", "info", renamed)
    assert run.returncode == 1
    assert "tensors     104" in run.output
    assert 'lack the tensor "Conv_1/bias"' in run.messages


def test_verify_other_weights(home, random_weights):
    run = home.run("model", "verify", random_weights)
    assert run.returncode == 1
    assert "other weights, or they are damaged" in run.messages


def test_verify_seeded(home):
    for seed in (0, 7, 2**64 - 1):
        run = home.run("model", "verify", f"seeded:{seed}")
        assert run.returncode == 0, run.messages
        assert "only the official weights have known features" in run.output


def test_verify_dead_weights(home, random_weights, tmp_path):
    """Weights that are all zero have the form, and no feature."""
    dead = tmp_path / "dead.safetensors"
    data = random_weights.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    dead.write_bytes(data[:header] + bytes(len(data) - header))
    run = home.run("model", "verify", dead)
    assert run.returncode == 1
    assert "only 0 of 1280 features" in run.messages


def picture():
    y, x = np.mgrid[0:224, 0:224]
    board = (x // 16 + y // 16) % 2 * 255
    return np.stack([x * 255 // 223, y * 255 // 223, board], axis=-1).astype(np.uint8)


@needs_shared
def test_constants_of_verify():
    """The numbers in verify.c are those of the oracle."""
    features = reference_network.features(
        reference_network.read_safetensors(SHARED_WEIGHTS), picture()
    )
    source = (SOURCES / "verify.c").read_text()
    expected = re.findall(r"\{(\d+), ([\d.]+)\}", source)
    assert len(expected) > 10
    for index, value in expected:
        assert math.isclose(features[int(index)], float(value), abs_tol=1e-8), index
    (mean,) = re.findall(r"expected_mean = ([\d.]+)", source)
    assert math.isclose(features.mean(), float(mean), abs_tol=1e-8)


@needs_shared
@pytest.mark.parametrize("kernels", ["ref", "avx2", "avx512", "neon"])
def test_verify_official_weights(kernels, home):
    run = home.run("model", "verify", SHARED_WEIGHTS, environment={"VERGER_CPU": kernels})
    if "on this CPU" in run.messages:
        pytest.skip(f"this CPU lacks {kernels}")
    assert run.returncode == 0, run.messages
    assert f"kernels     {kernels}\n" in run.output
    assert "the official ImageNet weights" in run.output


@needs_shared
def test_verify_tells_a_single_damaged_weight(home, tmp_path):
    """One bit of the stem's kernel: the file is in order, its features are not."""
    damaged = tmp_path / "damaged.safetensors"
    data = bytearray(SHARED_WEIGHTS.read_bytes())
    values = reference_network.read_safetensors(SHARED_WEIGHTS)["Conv1/kernel"]
    begin = 8 + int.from_bytes(data[:8], "little") + 128  # after Conv1/bias
    largest = int(np.abs(values).argmax())
    data[begin + 4 * largest + 3] ^= 0x80  # its sign
    damaged.write_bytes(data)
    assert home.run("model", "info", damaged).returncode == 0
    run = home.run("model", "verify", damaged)
    assert run.returncode == 1
    assert "damaged" in run.messages


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "say what to do"),
        (["frobnicate"], "one of: list fetch import info verify"),
        (["list", "x"], "takes no FILE"),
        (["fetch", "x"], "takes no FILE"),
        (["import"], "needs a FILE"),
        (["import", "a", "b"], "one word too many"),
        (["list", "--force"], "does not take --force"),
        (["info", "--url", "x"], "does not take --url"),
        (["import", "x", "--sha256", "0"], "does not take --sha256"),
        (["verify", "--output", "x"], "does not take --output"),
        (["fetch", "--output", "x"], "does not take --output"),
    ],
)
def test_usage(arguments, reason, home):
    run = home.run("model", *arguments)
    assert (run.returncode, run.output) == (2, "")
    assert reason in run.messages
    assert "verger help model" in run.messages
