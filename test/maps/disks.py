# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small and read-only disks for tests, where mounting is allowed."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str):
    """A tmpfs at a folder while the block runs; ``options`` are mount's. Skips the test where that is forbidden."""
    folder.mkdir(exist_ok=True)
    command = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', str(folder)]
    try:
        allowed = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip('mounting is not allowed here')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)
