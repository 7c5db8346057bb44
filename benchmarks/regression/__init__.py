# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The regression suite: the same places under the same light again, compared with a named baseline.

A case is a scene, a condition and a kind of map. See ``python -m benchmarks.regression --help``.
"""
