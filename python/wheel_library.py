"""Puts libverger.so into a wheel: the one that tools/build-wheels made, with what it links, or
one that is compiled now, with the command where its libraries are there too. pip builds a wheel
before it installs anything, so what fails here leaves the environment as it was.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path(__file__).resolve().parent.parent


class Failed(RuntimeError):
    pass


def run(*command):
    try:
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
    except FileNotFoundError:
        raise Failed(f"there is no {command[0]}") from None
    if done.returncode != 0:
        raise Failed(done.stdout)


def packages():
    """What tools/setup installs to build, for apt."""
    listed = re.search(r"^build_packages=\((.*?)\)", (SOURCE / "tools/setup").read_text(),
                       re.DOTALL | re.MULTILINE)
    return " ".join(listed[1].split())


def configure(folder, command):
    run("cmake", "-S", SOURCE, "-B", folder, "-G", "Ninja", "--log-level=WARNING",
        f"-DVERGER_COMMAND={'ON' if command else 'OFF'}", f"-DVERGER_PYTHON={sys.executable}")


def build(work):
    """A folder with lib/ and, where it could be built, bin/; why there is no bin/."""
    if not (SOURCE / "CMakeLists.txt").exists():
        raise Failed("the sources of the library are missing: install from a whole source tree, "
                     "as in: pip install verger/python")
    missing, made, targets = "", work / "whole", ["libverger", "verger_installed"]
    try:
        configure(made, command=True)
    except Failed as reason:
        missing, made, targets = str(reason), work / "library", ["libverger"]
        configure(made, command=False)
    run("cmake", "--build", made, "--target", *targets)
    kept = work / "kept"
    (kept / "lib").mkdir(parents=True)
    for file in (made / "libverger.so", SOURCE / "LICENSE", SOURCE / "NOTICE"):
        shutil.copy(file, kept / "lib")
    if missing:
        (kept / "lib/no-command.txt").write_text(missing)
    else:
        (kept / "bin").mkdir()
        shutil.copy(made / "installed/verger", kept / "bin")
    return kept


class WheelLibrary(BuildHookInterface):
    def initialize(self, version, build_data):
        # ctypes loads the library: one wheel for every Python of a machine.
        build_data["pure_python"] = False
        folder = os.environ.get("VERGER_WHEEL_LIBRARY")
        if folder is not None:
            build_data["tag"] = "py3-none-" + os.environ["VERGER_WHEEL_PLATFORM"]
            build_data["force_include"][folder] = "verger/lib"
            return
        build_data["tag"] = "py3-none-" + re.sub("[-.]", "_", sysconfig.get_platform())
        if version == "editable":  # takes what `make` builds
            return
        self.work = tempfile.TemporaryDirectory(prefix="verger-")
        try:
            kept = build(Path(self.work.name))
        except Failed as reason:
            raise SystemExit(
                f"{reason}\nverger: the library could not be built, nothing was installed. It "
                f"needs a C compiler and libraries; on Debian and Ubuntu:\n    apt-get install "
                f"{packages() if (SOURCE / 'tools/setup').exists() else ''}") from None
        for folder in kept.iterdir():
            build_data["force_include"][str(folder)] = f"verger/{folder.name}"

    def finalize(self, version, build_data, artifact_path):
        if hasattr(self, "work"):
            self.work.cleanup()
