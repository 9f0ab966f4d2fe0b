"""A relay passes everything on in its order, as late as it is told."""

import socket
import threading
import time

from workbench.bench.far_away import relayed

TEXT = bytes(range(256)) * 1000


def answer(server):
    """Send back what came on one connection, then close it."""
    with server.accept()[0] as joined:
        while chunk := joined.recv(1000):
            joined.sendall(chunk)


def read(client):
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_what_is_sent_comes_back_later():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        with relayed(server.getsockname()[1]) as relay:
            relay.delay_s = 0.05
            began = time.perf_counter()
            with socket.create_connection(("127.0.0.1", relay.port)) as client:
                client.sendall(TEXT)
                client.shutdown(socket.SHUT_WR)
                assert read(client) == TEXT
            assert time.perf_counter() - began >= 0.1
        thread.join()


def test_a_relay_that_stops_cuts_off():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with relayed(server.getsockname()[1]) as relay:
            client = socket.create_connection(("127.0.0.1", relay.port))
            joined, _ = server.accept()
        with client, joined:
            assert client.recv(1) == b""
