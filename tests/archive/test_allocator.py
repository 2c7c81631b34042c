"""The allocator keeps freed memory: making an array again costs no page faults."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from sr_tf.archive.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def make():
    for _ in range(50):
        np.ones(12_000_000, np.uint8)
make()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
make()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_arrays_that_are_made_again_cost_no_page_faults():
    faults = [
        int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "usual")
    ]
    assert faults[0] < 100
    assert faults[0] <= faults[1]
