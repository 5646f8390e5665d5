"""Rules over the source files: who includes whom, headers, format, versions."""

import re
import shutil
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = {".c", ".h", ".cpp", ".hpp"}

# The rooms that each room may include besides itself, base and the public header
# (docs/design.md). What the command alone holds (io to cli, weights) reaches
# images, features and PCA through the public header.
MAY_INCLUDE = {
    "base": set(),
    "kernels": set(),
    "image": {"kernels"},
    "model": {"kernels"},
    "pca": {"kernels"},
    "neighbours": {"kernels", "pca"},
    "learn": {"kernels", "pca"},
    "table": set(),
    "api": {"kernels", "image", "model", "pca", "table"},
    "measure": {"kernels", "model"},
    "digest": set(),
    "weights": {"model", "digest"},
    "io": {"table", "digest"},
    "output": {"table", "io"},
    "selection": {"table", "digest", "io", "output"},
    "history": {"table", "digest", "io", "output", "selection"},
    "run": {"table", "digest", "io", "weights", "output", "selection", "history"},
    "explore": {"table", "digest", "io", "output", "history", "selection", "learn", "neighbours"},
    "classify": {"kernels", "pca", "learn", "table", "digest", "io", "output", "selection", "explore"},
    "report": {"table", "digest", "io", "output", "explore", "selection"},
    "stream": set(),
    "cli": {"io"},
    "cli/reporting": {"io", "run", "cli"},
    "cli/parsing": {"io", "run", "selection", "output", "explore", "cli", "cli/reporting"},
    "cli/bench": {"cli", "measure"},
    "cli/commands": {"digest", "io", "weights", "run", "explore", "classify", "report", "stream", "cli", "cli/reporting",
                     "cli/parsing", "cli/bench", "history", "output"},
}

# Headers of other projects that belong to single rooms.
FOREIGN = {
    r"arrow/|parquet/": {"io"},
    r"hdf5": {"weights"},
    r"curl/": {"io", "weights"},
    r"expat": {"io"},
    r"openssl/": {"digest", "io"},
    r"jpeglib|jerror": {"image", "api", "cli/bench"},  # `verger bench` encodes its picture
    r"png\.h": {"image", "api"},
    r"webp/decode|webp/demux|gif_lib|tiff|libheif/": {"image", "api"},
    r"lapack|cblas": {"pca", "api", "run", "explore", "classify"},
    r"\w+intrin\.h|arm_neon\.h": {"kernels"},
    r"jansson\.h": {"report", "selection"},
    r"webp/encode": {"report"},
    r"lbfgs\.h": {"classify"},
    r"zlib\.h": {"image", "report"},
}


def files(*suffixes):
    """Files of the project by suffix, those git ignores left out."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                            capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: the list of files is git's")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return sorted(path for path in paths
                  if path.is_file() and (not suffixes or path.suffix in suffixes))


def sources():
    return [path for path in files(*CODE) if path.is_relative_to(ROOT / "src")]


def room_of(path):
    """The room of a path relative to src/."""
    parent = Path(path).parent.as_posix()
    return parent if parent in MAY_INCLUDE else parent.split("/")[0]


def includes(path):
    """(line number, '"' or '<', name) of each #include."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if found:
            yield number, found[1], found[2]


def instruction_sets(path):
    """Those a kernel's file is for, from its name: avx2.c, avx2_vec_tmpl.h, resample_avx2.c."""
    return set(Path(path).stem.split("_")) & {"ref", "avx2", "avx512", "vnni", "neon", "amx"}


def include_fault(source, opening, name):
    """What is wrong with one #include, or None."""
    room = room_of(source.relative_to(ROOT / "src"))
    if opening == "<":
        for pattern, rooms in FOREIGN.items():
            if re.match(pattern, name) and room not in rooms:
                return f"<{name}> belongs to {' and '.join(sorted(rooms))}"
        return None
    if name == "verger/verger.h":
        return None
    if not (ROOT / "src" / name).is_file():
        return f'"{name}" is not a path below src/ or include/'
    target = room_of(name)
    if target not in MAY_INCLUDE[room] | {room, "base"}:
        return f"{room} may not include {target}"
    if target == "kernels":
        mine, theirs = instruction_sets(source), instruction_sets(name)
        if theirs and mine != theirs and (mine, theirs) != ({"amx"}, {"avx512"}):
            return "kernel sets do not see one another"
    return None


# Names that a tool looks for, in every folder.
SAME_NAMES = {"CMakeLists.txt", "README.md", "__init__.py", "__main__.py", "conftest.py"}


def test_names_of_files_are_unique():
    """A name alone says which file is meant, in a message as in an editor."""
    seen = {}
    for path in files():
        if path.name not in SAME_NAMES:
            seen.setdefault(path.name, []).append(path.relative_to(ROOT).as_posix())
    assert [] == [paths for paths in seen.values() if len(paths) > 1]


def test_every_room_is_in_the_table():
    rooms = {path.relative_to(ROOT / "src").parts[0] for path in sources()}
    assert rooms <= set(MAY_INCLUDE), "say in MAY_INCLUDE what the new room may call"


def test_includes_follow_the_table_downwards():
    faults = []
    for source in sources():
        for number, opening, name in includes(source):
            fault = include_fault(source, opening, name)
            if fault:
                faults.append(f"{source.relative_to(ROOT)}:{number}: {fault}")
    assert not faults, "\n".join(faults)


def test_the_drawing_of_the_rooms_shows_these_includes():
    done = subprocess.run([ROOT / "tools/draw-rooms", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def arrow_include():
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.get_include()


def hdf5_include():
    """Debian keeps HDF5's headers off the compiler's path."""
    return subprocess.run(["pkg-config", "--cflags", "hdf5"], capture_output=True,
                          text=True).stdout.split()


def compile_alone(header, language):
    """The compiler's complaint about a file that holds nothing but the #include."""
    command = ["cc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-D_POSIX_C_SOURCE=200809L",
               "-I", ROOT / "include", "-I", ROOT / "src"]
    command += {"c": ["-std=c11", *hdf5_include()], "c++": ["-std=c++20", "-isystem", arrow_include()]}[language]
    base = "include" if header.is_relative_to(ROOT / "include") else "src"
    done = subprocess.run([*command, "-x", language, "-"], capture_output=True, text=True,
                          input=f'#include "{header.relative_to(ROOT / base)}"\n')
    return done.stderr


def test_every_header_compiles_alone():
    tasks = []
    for header in files(".h", ".hpp"):
        relative = header.relative_to(ROOT).as_posix()
        if not relative.startswith(("src/", "include/")) or relative.endswith("_tmpl.h"):
            continue
        inside_io = relative.startswith("src/io/") and relative != "src/io/io.h"
        if header.suffix == ".h" and not inside_io:
            tasks.append((header, "c"))
        if inside_io or relative in ("src/io/io.h", "include/verger/verger.h"):
            tasks.append((header, "c++"))
    assert tasks
    with ThreadPoolExecutor(2) as pool:
        complaints = list(pool.map(lambda task: compile_alone(*task), tasks))
    faults = [f"{header.relative_to(ROOT)} as {language}:\n{complaint}"
              for (header, language), complaint in zip(tasks, complaints) if complaint]
    assert not faults, "\n".join(faults)


def test_format():
    formatter = shutil.which("clang-format-14") or shutil.which("clang-format")
    if formatter is None:
        pytest.skip("no clang-format: run tools/setup lint")
    version = subprocess.run([formatter, "--version"], capture_output=True, text=True).stdout
    if "version 14." not in version:
        pytest.skip(f"clang-format 14 is the one whose layout is checked in, here is {version}")
    done = subprocess.run([formatter, "--dry-run", "-Werror", *files(*CODE)], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr + "run clang-format -i on these files"


def is_shell_script(path):
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and re.search(rb"\b(ba|da)?sh\b", first) is not None


def test_shell_scripts():
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck: run tools/setup lint")
    scripts = [path for path in files() if is_shell_script(path)]
    assert scripts
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_shell_scripts_are_executable():
    assert [] == [path for path in files() if is_shell_script(path) and not path.stat().st_mode & 1]


def test_versions_agree():
    cmake = re.search(r"project\(verger VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    header = (ROOT / "include/verger/verger.h").read_text()
    parts = [re.search(rf"#define VG_VERSION_{part} (\d+)", header)[1]
             for part in ("MAJOR", "MINOR", "PATCH")]
    assert ".".join(parts) == cmake
    manual = ROOT / "docs" / "verger.1"
    assert cmake in manual.read_text(), f"{manual} does not say version {cmake}"


def test_regions_of_the_union_are_one_list():
    source = (ROOT / "src/io/regions.cpp").read_text()
    in_c = re.findall(r'"([a-z]+-[a-z-]+-\d)"', re.search(r"eu_regions\[\] = \{(.*?)\}", source, re.S)[1])
    python = (ROOT / "python/verger/regions.py").read_text()
    in_python = re.findall(r'"([a-z-]+\d)"', re.search(r"EU_REGIONS = \((.*?)\)", python, re.S)[1])
    in_guide = re.findall(r"eu(?:sc)?-[a-z-]+\d", re.search(
        r"`eu` stands for(.*?)\. The pattern", (ROOT / "docs/stores.md").read_text(), re.S)[1])
    assert in_c == in_python == in_guide and len(in_c) == 7


def test_documents_name_files_that_exist():
    """Of what stands in backquotes and begins with a folder of ours."""
    faults = []
    for document in ("CONTRIBUTING.md", "SECURITY.md", "README.md"):
        for name in re.findall(r"`((?:src|tests|tools|docs|bench|include)/[\w./-]+)`",
                               (ROOT / document).read_text()):
            if not (ROOT / name).exists():
                faults.append(f"{document}: {name}")
    assert not faults, "\n".join(faults)


def test_one_line_faults_are_of_this_source():
    """Else tools/mutate, which is seldom called, would end before its first fault."""
    listed = tomllib.loads((ROOT / "tests/one_line_faults.toml").read_text())["fault"]
    stale = [f"{fault['file']}: {fault['about']}" for fault in listed
             if (ROOT / fault["file"]).read_text().count(fault["old"]) != 1]
    assert not stale, "\n".join(stale)
