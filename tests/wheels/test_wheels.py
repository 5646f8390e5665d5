"""Wheels: what is inside, what they ask of a system, and that they give the same bits."""

import configparser
import json
import platform
import re
import sys
import zipfile

import pytest

from conftest import ARCHES, BUILD, QEMU_CPU, ROOT, output, probe, python39, run, wheel_of
from elf import assert_looks_in_no_working_folder, missing_hardening

TOOLS = ROOT / ".deps/wheels/bin"
# manylinux_2_28 and glibc; libgcc_s and libstdc++ would be allowed and are not needed.
SYSTEM = re.compile(r"(libc|libm|libpthread|ld-linux[\w-]*)\.so\.\d+")


@pytest.fixture
def wheel(arch):
    return zipfile.ZipFile(wheel_of(arch))


def text(wheel, name):
    [found] = [member for member in wheel.namelist() if member.endswith(name)]
    return wheel.read(found).decode()


@pytest.fixture
def libraries(wheel, tmp_path):
    """libverger.so and what lies beside it, unpacked."""
    wheel.extractall(tmp_path)
    return tmp_path / "verger/lib"


def dynamic(library):
    return output("readelf", "-dW", library)


def test_metadata(wheel, arch):
    version = re.search(r"project\(verger VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    metadata = text(wheel, ".dist-info/METADATA")
    assert f"\nName: verger\nVersion: {version}\n" in metadata
    assert "\nRequires-Python: >=3.9\n" in metadata
    required = re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE)
    assert [requirement for requirement in required if "extra" not in requirement] == ["pyarrow>=14.0.1"]
    assert any("pyspark" in requirement and "'spark'" in requirement for requirement in required)
    assert f'__version__ = "{version}"' in text(wheel, "verger/__init__.py")
    assert f"Tag: py3-none-manylinux_2_28_{arch}\n" in text(wheel, ".dist-info/WHEEL")
    assert "Root-Is-Purelib: false" in text(wheel, ".dist-info/WHEEL")


def test_contents(wheel):
    names = set(wheel.namelist())
    for path in (ROOT / "python/verger").rglob("*.py"):
        assert path.relative_to(ROOT / "python").as_posix() in names
    assert "verger/py.typed" in names
    assert {name for name in names if name.startswith("verger/lib/")} == {
        "verger/lib/libverger.so", "verger/lib/libverger_openblas.so", "verger/lib/THIRD-PARTY.txt",
        "verger/lib/sbom.cdx.json", "verger/lib/LICENSE"}
    assert not [name for name in names if not name.startswith(("verger/", "verger-"))]


def test_command(wheel):
    scripts = configparser.ConfigParser()
    scripts.read_string(text(wheel, "entry_points.txt"))
    assert scripts["console_scripts"]["verger-spark"] == "verger._command:spark_main"
    assert scripts["console_scripts"]["verger"] == "verger._command:main"


def test_licences_of_the_bundled_libraries(wheel):
    notices = text(wheel, "verger/lib/THIRD-PARTY.txt")
    for words in ("==== libjpeg-turbo", "==== libpng1.6", "==== zlib", "==== scipy-openblas32",
                  "Independent JPEG Group", "Jean-loup Gailly", "OpenBLAS"):
        assert words in notices


def test_bill_of_materials(wheel):
    bill = json.loads(text(wheel, "verger/lib/sbom.cdx.json"))
    assert {part["name"] for part in bill["components"]} == {
        "libjpeg-turbo", "libpng", "zlib", "scipy-openblas32"}
    assert all(part["version"] and part["licenses"] for part in bill["components"])
    assert text(wheel, "verger/lib/LICENSE").lstrip().startswith("Apache License")


def test_policy(arch):
    """auditwheel: no later glibc than 2.28, nothing outside the policy."""
    report = " ".join(output(TOOLS / "auditwheel", "show", wheel_of(arch)).split())
    level = re.search(r'consistent with the following platform tag: "manylinux_2_(\d+)_(\w+)"', report)
    assert level, report
    assert int(level[1]) <= 28 and level[2] == arch


def test_links_the_system_and_itself_only(libraries):
    beside = {path.name for path in libraries.glob("*.so")}
    for library in libraries.glob("*.so"):
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic(library))
        assert [name for name in needed if name not in beside and not SYSTEM.fullmatch(name)] == []
    assert re.search(r"\((RPATH|RUNPATH)\).*\[\$ORIGIN\]", dynamic(libraries / "libverger.so"))
    assert_looks_in_no_working_folder(libraries)


def test_relocatable_and_stripped(libraries):
    for library in libraries.glob("*.so"):
        assert "TEXTREL" not in dynamic(library)
        sections = output("readelf", "-SW", library)
        assert ".symtab" not in sections and ".debug_info" not in sections
        assert re.search(r"GNU_STACK.* RW ", output("readelf", "-lW", library))


def test_is_hardened(libraries):
    assert missing_hardening(libraries / "libverger.so") == []


def test_exports_what_the_build_exports(libraries):
    def exported(library):
        return {line.split()[-1] for line in
                output("nm", "-D", "--defined-only", library).splitlines()}

    symbols = exported(libraries / "libverger.so")
    assert all(symbol.startswith("vg_") for symbol in symbols)
    assert symbols == exported(BUILD / "libverger.so")


def install(wheel, arch, site):
    """As pip does it; what runs it needs this PYTHONPATH."""
    run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", site,
         "--only-binary", ":all:", "--python-version", "3.9", "--platform",
         f"manylinux_2_28_{arch}", wheel])
    return f"{site}:{ROOT}/.deps/unpacked/{arch}/pyarrow"


@pytest.fixture(scope="module", params=ARCHES)
def installed(request, tmp_path_factory, pictures):
    """What the wheel says, run by a Python 3.9 of its machine."""
    arch = request.param
    site = tmp_path_factory.mktemp(arch)
    said = probe(python39(arch), pictures, QEMU_CPU=QEMU_CPU[arch],
                 PYTHONPATH=install(wheel_of(arch), arch, site))
    assert said["file"].startswith(str(site))
    assert said["machine"] == arch and said["python"].startswith("3.9.")
    return said


def test_has_the_fast_kernels(installed):
    assert {"aarch64": "neon", "x86_64": "avx2"}[installed["machine"]] in installed["kernels"]


def test_same_features(installed, reference):
    assert installed["features"] == reference["features"]
    assert installed["errors"] == reference["errors"]
    assert [name for name, error in installed["errors"].items() if error] == ["cut.jpg"]


def test_same_moments(installed, reference):
    assert installed["moments"] == reference["moments"]
    assert installed["pca"]["moments"] == reference["pca"]["moments"]


def same_components(mine, theirs):
    """Eigenvectors are LAPACK's: another OpenBLAS, or other kernels, so other last digits."""
    assert mine["explained"] == pytest.approx(theirs["explained"], abs=1e-9)
    scale = max(abs(value) for row in theirs["projected"] for value in row)
    for row, expected in zip(mine["projected"], theirs["projected"]):
        assert row == pytest.approx(expected, abs=1e-9 * scale)


def test_same_components(installed, reference):
    same_components(installed["pca"], reference["pca"])


@pytest.mark.skipif(platform.machine() == "aarch64", reason="the cores are qemu's to play")
@pytest.mark.parametrize("core, vector_bytes", (("NEOVERSEV1", 32), ("NEOVERSEV2", 16)),
                         ids=("graviton3", "graviton4"))
def test_same_components_by_the_kernels_of_newer_cores(core, vector_bytes, reference, tmp_path):
    """OpenBLAS chooses its kernels by the core; qemu has none of these two, only their
    instructions and the length of their vectors."""
    said = probe(python39("aarch64"), OPENBLAS_CORETYPE=core,
                 QEMU_CPU=f"max,sme=off,sve-default-vector-length={vector_bytes}",
                 PYTHONPATH=install(wheel_of("aarch64"), "aarch64", tmp_path))
    same_components(said["pca"], reference["pca"])


@pytest.mark.skipif(platform.machine() == "aarch64", reason="the cores are qemu's to play")
def test_wrong_components_are_refused(reference, tmp_path):
    """OpenBLAS 0.3.34 takes kernels for qemu's own core whose eigenvectors are none."""
    site = install(wheel_of("aarch64"), "aarch64", tmp_path)
    try:
        said = probe(python39("aarch64"), QEMU_CPU="max", PYTHONPATH=site)
    except AssertionError as failure:
        assert "set OPENBLAS_CORETYPE" in str(failure)
    else:
        same_components(said["pca"], reference["pca"])


def test_needs_pyarrow_alone(installed):
    assert installed["modules"] == []
