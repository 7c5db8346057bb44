# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from neumap_ros.memory import keep_freed_memory

if sys.argv[1] == 'keep':
    assert keep_freed_memory()
for round in range(60):
    if round == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = np.ones(5_000_000, np.uint8)
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(choice: str) -> int:
    answer = subprocess.run([sys.executable, '-c', PROGRAM, choice], capture_output=True, text=True, check=True)
    return int(answer.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='other C libraries keep their ways')
def test_freed_blocks_are_reused_instead_of_mapped_anew():
    assert page_faults('keep') < 100
