# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the process, each case in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import threading
import numpy, torch
from threadpoolctl import ThreadpoolController
from neumap_ros.localization.compute import prepare_process, prepare_process_for_maps

def threads():
    # Faiss has a BLAS on OpenMP, whose count belongs to each thread; the point index sets it around every call.
    blas = ThreadpoolController().select(threading_layer='pthreads').lib_controllers
    return {torch.get_num_threads(), *(library.num_threads for library in blas)}

def in_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]

torch.set_num_threads(3)
"""


@pytest.mark.parametrize(
    ('script', 'expected'),
    [
        (
            'in_thread(lambda: prepare_process(1, True)); print(threads(), in_thread(threads)); '
            'torch.set_num_threads(3); prepare_process(1, False); print(threads())',
            '{1} {1}\n{1}',
        ),
        ('prepare_process_for_maps(); print(threads())', '{1}'),
        ('prepare_process(2, False); prepare_process_for_maps(); print(torch.get_num_threads())', '2'),
    ],
)
def test_threads_of_the_process(script, expected):
    result = subprocess.run([sys.executable, '-c', SCRIPT + script], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == expected, result.stderr
