# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap wait``: for scripts that start something once the nodes are ready."""

from __future__ import annotations

from typing import Annotated

import typer


def wait(
    timeout: Annotated[float, typer.Option(help='Give up after so many seconds.')] = 300.0,
) -> None:
    """Return when a localizer has the map of the map_server; exit code 1 if none has in time.

    Example: neumap wait && rosless bag play drive --clock 100
    """
    import rosless

    rosless.activate()
    from neumap_ros.nodes.tools import wait_until_ready

    wait_until_ready(['--ros-args', '-p', f'timeout_s:={timeout:.3f}'])
