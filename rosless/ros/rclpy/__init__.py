# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The client library of ROS 2 for Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions, install_signal_handlers, uninstall_signal_handlers
from rclpy.task import Future
from rclpy.utilities import get_default_context, get_rmw_implementation_identifier, ok, try_shutdown
from rclpy.utilities import shutdown as _shutdown

if TYPE_CHECKING:
    from rclpy.executors import Executor
    from rclpy.node import Node

__all__ = [
    'create_node',
    'get_default_context',
    'get_global_executor',
    'get_rmw_implementation_identifier',
    'init',
    'ok',
    'shutdown',
    'spin',
    'spin_once',
    'spin_until_future_complete',
    'try_shutdown',
]

_global_executor: Executor | None = None


def init(
    *,
    args: Sequence[str] | None = None,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> None:
    """Initialize a context; before that there can be no nodes.

    Args:
        args: Command line; `sys.argv` if None.
        context: What to initialize; the default context if None.
        domain_id: DDS domain; the environment variable `ROS_DOMAIN_ID` if None.
        signal_handler_options: Which signals shut contexts down; SIGINT and SIGTERM for the default context if None.
    """
    is_default = context is None or context is get_default_context()
    context = get_default_context() if context is None else context
    if signal_handler_options is None:
        signal_handler_options = SignalHandlerOptions.ALL if is_default else SignalHandlerOptions.NO
    context.init(args, domain_id=domain_id)
    install_signal_handlers(signal_handler_options)


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Shut a context down.

    Args:
        context: Which one; the default context if None.
        uninstall_handlers: Whether signals are handled as before `init`; only for the default context if None.

    Raises:
        RCLError: It is shut down already.
        RuntimeError: It was never initialized.
    """
    is_default = context is None or context is get_default_context()
    _shutdown(context=context)
    if uninstall_handlers or (uninstall_handlers is None and is_default):
        uninstall_signal_handlers()


def create_node(node_name: str, **kwargs: Any) -> Node:
    """Make a node; the arguments are those of `rclpy.node.Node`."""
    from rclpy.node import Node

    return Node(node_name, **kwargs)


def get_global_executor() -> Executor:
    """The executor of the functions below, which lives until the default context is shut down."""
    global _global_executor
    if _global_executor is None:
        from rclpy.executors import SingleThreadedExecutor

        executor = _global_executor = SingleThreadedExecutor()
        context = get_default_context()

        def forget() -> None:
            global _global_executor
            if _global_executor is executor:
                _global_executor = None
            # After a signal, `spin` says so by an exception; after `shutdown`, it just ends. Nobody waits for its
            # callbacks: the shutdown may come from one of them.
            if not context._interrupted:
                executor.shutdown(timeout_sec=0)

        context.on_shutdown(forget)
    return _global_executor


def spin_once(node: Node, *, executor: Executor | None = None, timeout_sec: float | None = None) -> None:
    """Run one callback of a node.

    Args:
        node: Whose callbacks are wanted.
        executor: Runs them; the global executor if None.
        timeout_sec: Seconds to wait for one; for ever if None or negative.
    """
    executor = get_global_executor() if executor is None else executor
    try:
        executor.add_node(node)
        executor.spin_once(timeout_sec=timeout_sec)
    finally:
        executor.remove_node(node)


def spin(node: Node, executor: Executor | None = None) -> None:
    """Run the callbacks of a node until the context is shut down.

    Args:
        node: Whose callbacks are wanted.
        executor: Runs them; the global executor if None.
    """
    executor = get_global_executor() if executor is None else executor
    try:
        executor.add_node(node)
        while executor.context.ok():
            executor.spin_once()
    finally:
        executor.remove_node(node)


def spin_until_future_complete(
    node: Node, future: Future, executor: Executor | None = None, timeout_sec: float | None = None
) -> None:
    """Run the callbacks of a node until a future is done.

    Args:
        node: Whose callbacks are wanted.
        future: What is waited for.
        executor: Runs them; the global executor if None.
        timeout_sec: Seconds to wait; for ever if None or negative.
    """
    executor = get_global_executor() if executor is None else executor
    added = False
    try:
        added = executor.add_node(node)
        executor.spin_until_future_complete(future, timeout_sec)
    finally:
        if added:
            executor.remove_node(node)
