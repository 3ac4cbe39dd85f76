"""As much of a PostgreSQL server as a driver needs to connect and to ask.

It speaks version 3.0 of the protocol (PostgreSQL's documentation, "Message
Formats"), over plain TCP, in threads that run no loop. A simple query is
answered with no rows; one that is prepared, or that holds `pg_sleep`, never.
"""
import socket
import struct
import threading


def start():
    """The port of a server that is up."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    return listener.getsockname()[1]


def _accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection):
    with connection, connection.makefile("rb") as stream:
        (length,) = struct.unpack("!i", stream.read(4))
        stream.read(length - 4)
        settings = {"server_version": "16.0", "client_encoding": "UTF8", "integer_datetimes": "on"}
        told = (b"%s\0%s\0" % (key.encode(), value.encode()) for key, value in settings.items())
        said = [_message(b"R", struct.pack("!i", 0))]
        said += [_message(b"S", pair) for pair in told]
        said += [_message(b"K", struct.pack("!ii", 1, 1)), _message(b"Z", b"I")]
        connection.sendall(b"".join(said))
        while True:
            head = stream.read(5)
            if len(head) < 5:
                return
            kind, length = struct.unpack("!ci", head)
            query = stream.read(length - 4)
            if kind == b"Q" and b"pg_sleep" not in query:
                connection.sendall(_message(b"C", b"SELECT 0\0") + _message(b"Z", b"I"))


def _message(kind, content):
    return kind + struct.pack("!i", len(content) + 4) + content
