# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures, not pass or fail: each module prints a table and writes JSON below benchmarks/results/."""
