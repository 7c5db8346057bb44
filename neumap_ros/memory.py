# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the process holds memory between images."""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3).
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# The largest that glibc takes (HEAP_MAX_SIZE / 2 on 64-bit); an image of 8 million floats.
LARGEST_KEPT_BLOCK = 32 * 2**20
# Free memory at the end of the heap above this goes back to the system.
LARGEST_FREE_HEAP = 256 * 2**20


def keep_freed_memory() -> bool:
    """Let the C library reuse large freed blocks instead of returning each of them to the system.

    A block over the threshold (128 kB at first) is mapped when it is allocated and unmapped when it is freed, so that a
    program which allocates the same images again and again spends its time in page faults.

    Returns:
        Whether the C library is glibc and took the settings; elsewhere nothing changes.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    library = ctypes.CDLL(None)
    kept = library.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK)
    return bool(kept and library.mallopt(M_TRIM_THRESHOLD, LARGEST_FREE_HEAP))
