"""The real openpi client, run by a Python of its own: it is handed requests on its input, and hands back replies and latencies.

Both ways each message is its length in four bytes and then the bytes that openpi itself would send.
"""

import sys
import time

from openpi_client import msgpack_numpy  # pyright: ignore[reportMissingImports]
from openpi_client.websocket_client_policy import WebsocketClientPolicy  # pyright: ignore[reportMissingImports]

host, port = sys.argv[1].rsplit(":", 1)
policy = WebsocketClientPolicy(host, int(port))
while head := sys.stdin.buffer.read(4):
    request = msgpack_numpy.unpackb(sys.stdin.buffer.read(int.from_bytes(head, "big")))
    began = time.perf_counter()
    reply = policy.infer(request)
    reply["latency_ms"] = 1000 * (time.perf_counter() - began)
    data = msgpack_numpy.packb(reply)
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()
