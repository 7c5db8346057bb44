# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Calling services."""

from __future__ import annotations

import itertools
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from rclpy._executable import Executable, Work
from rclpy._rclpy_pybind11 import RCLError
from rclpy._service_endpoints import ServiceEndpoints
from rclpy.constants import S_TO_NS
from rclpy.context import Context
from rclpy.qos import QoSProfile
from rclpy.task import Future
from rosless import dds, interfaces
from rosless.dds.status import Status

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor

# Shutdown ends a wait after at most this time.
_LONGEST_WAIT_S = 0.1


class _Response(Future):
    """A response that is to come; to cancel it is to give up on the request."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def cancel(self) -> None:
        self._client.remove_pending_request(self)
        super().cancel()


class Client(Executable):
    """Sends requests to a service; made by `Node.create_client`."""

    def __init__(
        self,
        context: Context,
        endpoints: ServiceEndpoints,
        srv_type: type[Any],
        srv_name: str,
        full_name: str,
        qos_profile: QoSProfile,
        callback_group: CallbackGroup,
    ) -> None:
        self.context = context
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.qos_profile = qos_profile
        self.callback_group = callback_group
        self._endpoints = endpoints
        self._full_name = full_name
        self._sequence_numbers = itertools.count(1)
        self._pending_requests: dict[int, Future] = {}
        self._lock = threading.Lock()
        endpoints.writer.watch([Status.PUBLICATION_MATCHED])
        endpoints.reader.watch([Status.SUBSCRIPTION_MATCHED])

    def call(self, request: Any, timeout_sec: float | None = None) -> Any:
        """Send a request and wait for the response, which another thread's executor must receive.

        Args:
            request: Of the service's type.
            timeout_sec: Seconds to wait; for ever if None.

        Returns:
            The response; None if there is none in that time or before the shutdown.

        Raises:
            TypeError: The request is of another type.
        """
        future = self.call_async(request)
        answered = threading.Event()
        if not future._wake_when_done(answered.set):
            answered.set()
        end = float('inf') if timeout_sec is None else time.monotonic() + timeout_sec
        while not answered.wait(min(_LONGEST_WAIT_S, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end or not self.context.ok():
                self.remove_pending_request(future)
                break
        return future.result()

    def call_async(self, request: Any) -> Future:
        """Send a request.

        Args:
            request: Of the service's type.

        Returns:
            A future for the response.

        Raises:
            TypeError: The request is of another type.
        """
        self._check_alive()
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f'Expected {self.srv_type.Request}, got {type(request)}')
        if not self.context.ok():
            raise RCLError(f"cannot call '{self._full_name}': the context was shut down")
        body = interfaces.serialize(request)
        future = _Response(self)
        with self._lock:
            sequence_number = next(self._sequence_numbers)
            self._pending_requests[sequence_number] = future
        try:
            self._endpoints.send(self._endpoints.writer.instance_handle, sequence_number, body)
        except dds.DdsError:
            self.remove_pending_request(future)
            raise
        return future

    def get_pending_request(self, sequence_number: int) -> Future:
        """The future of a request that was not answered yet; KeyError if there is none."""
        with self._lock:
            return self._pending_requests[sequence_number]

    def remove_pending_request(self, future: Future) -> None:
        """Give up on a request: its future will not be done."""
        with self._lock:
            for number, other in self._pending_requests.items():
                if other is future:
                    del self._pending_requests[number]
                    return

    def service_is_ready(self) -> bool:
        """Whether there is a server that would answer now."""
        self._check_alive()
        return self._endpoints.has_peer()

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait for a server.

        Args:
            timeout_sec: Seconds to wait; for ever if None.

        Returns:
            Whether there is one.
        """
        end = float('inf') if timeout_sec is None else time.monotonic() + timeout_sec
        waitset = dds.Waitset()
        waitset.attach(self._endpoints.writer.handle)
        waitset.attach(self._endpoints.reader.handle)
        while self.context.ok():
            try:
                if self.service_is_ready():
                    return True
                left = end - time.monotonic()
                if left <= 0:
                    return False
                waitset.wait(int(min(left, _LONGEST_WAIT_S) * S_TO_NS))
                self._endpoints.writer.take_status(Status.PUBLICATION_MATCHED)
                self._endpoints.reader.take_status(Status.SUBSCRIPTION_MATCHED)
            except dds.DdsError:
                # The shutdown of the context may have come in between.
                if self.context.ok():
                    raise
        return False

    @property
    def service_name(self) -> str:
        """The full name, after remapping."""
        self._check_alive()
        return self._full_name

    def destroy(self) -> None:
        """End; nodes do this with `destroy_client`."""
        self._destroyed = True
        self._endpoints.delete()

    def _handles(self) -> tuple[int, ...]:
        return (self._endpoints.reader.condition,)

    def _take(self, executor: Executor) -> Work | None:
        own = self._endpoints.writer.instance_handle
        while (incoming := self._endpoints.take()) is not None:
            if incoming.id.client != own:
                continue  # For another client of the service.
            with self._lock:
                future = self._pending_requests.pop(incoming.id.sequence_number, None)
            if future is not None:
                future._set_executor(executor)
                try:
                    response = interfaces.deserialize(incoming.body, self.srv_type.Response)
                except interfaces.InterfaceError as error:
                    return partial(future.set_exception, error)
                return partial(future.set_result, response)
        return None
