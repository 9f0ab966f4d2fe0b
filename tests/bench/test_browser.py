"""What the benchmark of the browser reads off the system."""

import subprocess
import sys
import time

import pytest

from workbench.bench.browser import _kernel_start

# A server, whose children are named by its arguments.
SERVER = """
import subprocess, sys
for name in sys.argv[1:]:
    subprocess.Popen([sys.executable, "-c", "print(flush=True); input()", name])
input()
"""


def kernel_start(*children: str) -> float:
    program = (sys.executable, "-c", SERVER, *children)
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe) as server:
        assert server.stdout is not None
        for _ in children:
            server.stdout.readline()  # It runs under its name.
        try:
            return _kernel_start(server.pid)
        finally:
            server.communicate(b"\n" * 3)


def test_the_kernel_of_a_page_is_told_from_the_other_children_of_its_server() -> None:
    # The system counts from its own start, in whole ticks.
    assert abs(kernel_start("other", "ipykernel_launcher") - time.time()) < 60
    with pytest.raises(ValueError, match="empty"):
        kernel_start("other")
