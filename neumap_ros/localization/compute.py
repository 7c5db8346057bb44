# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the whole process that localizers need: threads of the mathematics, and memory."""

from __future__ import annotations

import threading

import torch
from threadpoolctl import ThreadpoolController

from neumap_ros.memory import keep_freed_memory

_lock = threading.Lock()
_memory_is_kept = False


def prepare_process(math_threads: int, keep_memory: bool) -> None:
    """Set the threads of PyTorch and of numpy's BLAS, and how freed memory is kept.

    A localizer may be built while another one is at work in another thread, so that nothing is touched which is as
    wished already: the libraries promise little about settings that change in the middle of a product.

    Args:
        math_threads: threads of PyTorch and of BLAS on the CPU.
        keep_memory: see :func:`neumap_ros.memory.keep_freed_memory`.
    """
    global _memory_is_kept
    with _lock:
        if keep_memory and not _memory_is_kept:
            keep_freed_memory()
            _memory_is_kept = True
        # Each thread has its own count and takes the process's when it first computes; this call may be that moment.
        if torch.get_num_threads() != math_threads:
            torch.set_num_threads(math_threads)
        blas = ThreadpoolController().select(user_api='blas')
        if any(library.num_threads != math_threads for library in blas.lib_controllers):
            blas.limit(limits=math_threads)
