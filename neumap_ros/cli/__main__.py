# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``python -m neumap_ros.cli``."""

from neumap_ros.cli import main

if __name__ == '__main__':
    main()
