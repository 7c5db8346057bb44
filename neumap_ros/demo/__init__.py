# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``make demo``: from a drive by day to a report about a drive at night, or from real photographs to poses."""
