"""The CPU: its name, and which of its cores the work is pinned to."""

import os
import platform
import re
from pathlib import Path


def cpu_name():
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()


def siblings(cpu):
    """The CPUs that are threads of the same core."""
    listed = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return listed.read_text().strip() if listed.exists() else str(cpu)


def cores():
    """A CPU of each core that this process may use, the last core first: interrupts and
    whatever starts first are on the first one."""
    last = {siblings(cpu): cpu for cpu in sorted(os.sched_getaffinity(0))}
    return sorted(last.values(), reverse=True)
