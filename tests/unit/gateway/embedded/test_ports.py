"""Ports that stay the same, and stay away from those that clients get."""

import socket

from gateway.embedded.ports import LOOPBACK, PORT_LEAST, PORT_MOST, usable_port


def test_a_free_port_is_kept() -> None:
    port = usable_port(None)
    assert usable_port(port) == port


def test_a_taken_port_is_left_for_another() -> None:
    port = usable_port(None)
    with socket.create_server((LOOPBACK, port)):
        assert usable_port(port) != port


def test_new_ports_are_below_those_of_clients() -> None:
    assert PORT_LEAST <= usable_port(None) < PORT_MOST
