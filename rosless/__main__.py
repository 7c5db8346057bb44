# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``python -m rosless`` is the command `rosless`."""

from rosless.command import main

main()
