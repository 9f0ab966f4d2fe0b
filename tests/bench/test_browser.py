"""What the benchmark of the browser reads off the system."""

import os
import subprocess
import sys
import time

import pytest

from workbench.bench.browser import _kernel_start

PROGRAM = (sys.executable, "-c", "input()")


def test_the_kernel_of_a_page_is_told_from_the_other_children_of_its_server():
    with subprocess.Popen([*PROGRAM, "other"], stdin=subprocess.PIPE) as other:
        with pytest.raises(ValueError, match="empty"):
            _kernel_start(os.getpid())
        name = "ipykernel_launcher"
        with subprocess.Popen([*PROGRAM, name], stdin=subprocess.PIPE) as kernel:
            started = _kernel_start(os.getpid())
            kernel.communicate(b"\n")
        other.communicate(b"\n")
    # The system counts from its own start, in whole ticks.
    assert abs(started - time.time()) < 60
