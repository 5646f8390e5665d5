"""Puts libverger.so and what it links into a wheel, as tools/build-wheels asks.

Without VERGER_WHEEL_LIBRARY the package has no library of its own and takes that of
the source tree or of $VERGER_LIBRARY.
"""

import os

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelLibrary(BuildHookInterface):
    def initialize(self, version, build_data):
        folder = os.environ.get("VERGER_WHEEL_LIBRARY")
        if folder is None:
            return
        # ctypes loads the library: one wheel for every Python of a machine.
        build_data["tag"] = "py3-none-" + os.environ["VERGER_WHEEL_PLATFORM"]
        build_data["pure_python"] = False
        build_data["force_include"][folder] = "verger/lib"
