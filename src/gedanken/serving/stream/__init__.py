"""The policy server: msgpack with arrays over a WebSocket, as openpi's client speaks it; observation in, action chunk out.

Open `messages.py` first, which says what a request and a reply hold; `wire.py` is the bytes, `endpoint.py` the conversation, and
`client.py` the other end of it.
"""
