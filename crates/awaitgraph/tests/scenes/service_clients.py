"""The other side of `service.py`: its database, and those who use it.

Says the port of the database, is told that of the service, and says how many
requests it made once all of them are where they are to be.
"""
import json
import resource
import socket
import sys
import threading

import postgres

REPORTS = 10
ORDERS = 30
PAUSE = 200


def connect():
    """From one of several addresses, as one has but so many ports."""
    connection = socket.create_connection(
        ("127.0.0.1", port), source_address=("127.0.0.%d" % (2 + len(kept) % 4), 0)
    )
    kept.append(connection)
    return connection


def send(connection, path):
    connection.sendall(b"GET /%s HTTP/1.1\r\nHost: shop\r\n\r\n" % path.encode())


def ask(connection, path):
    """The body of the answer."""
    send(connection, path)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(4096)
    return body


def until(free, waiting):
    while json.loads(ask(first, "status")) != [free, waiting]:
        pass


def load():
    connection = connect()
    while True:
        ask(connection, "health")


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
kept = []
print(postgres.start(), flush=True)
port = int(sys.stdin.readline())
first = connect()
for path, count in (("report", REPORTS), ("order", ORDERS)):
    for _ in range(count):
        send(connect(), path)
    until(0, 0 if path == "report" else ORDERS)
# The first one waits for its next request too.
for number in range(1, int(sys.argv[1])):
    connection = connect()
    # Those that were accepted do not queue up any more.
    if number % PAUSE == 0:
        ask(connection, "health")
ask(connection, "health")
threading.Thread(target=load, daemon=True).start()
print(json.dumps({"reports": REPORTS, "orders": ORDERS, "busy": 1}), flush=True)
sys.stdin.read()
