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
_is_prepared = False


def prepare_process(math_threads: int, keep_memory: bool) -> None:
    """Set the threads of PyTorch and of numpy's BLAS, and how freed memory is kept.

    A localizer may be built while another one is at work in another thread, so that nothing is touched which is as
    wished already: the libraries promise little about settings that change in the middle of a product.

    Args:
        math_threads: threads of PyTorch and of BLAS on the CPU.
        keep_memory: see :func:`neumap_ros.memory.keep_freed_memory`.
    """
    global _memory_is_kept, _is_prepared
    with _lock:
        _is_prepared = True
        if keep_memory and not _memory_is_kept:
            keep_freed_memory()
            _memory_is_kept = True
        # Both hold for threads that begin later and for those that run already. Not so Faiss's BLAS on OpenMP, whose
        # count belongs to each thread: see point_index.
        if torch.get_num_threads() != math_threads:
            torch.set_num_threads(math_threads)
        blas = ThreadpoolController().select(user_api='blas')
        if any(library.num_threads != math_threads for library in blas.lib_controllers):
            blas.limit(limits=math_threads)


def prepare_process_for_maps() -> None:
    """Let a process that reads maps without a localizer do so with one thread; where there is one, it has decided.

    Waiting for each other in small products, two threads took 5 to 15 times as long as one on two busy cores.
    """
    if not _is_prepared:
        prepare_process(math_threads=1, keep_memory=False)
