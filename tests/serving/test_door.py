"""Who is let in, and how much they may bring."""

import hmac
import socket
import time

import pytest
from served import LIMITS, quick_model, seen, serving, tasks
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from gedanken.errors import BadInput, Refused
from gedanken.serving import door
from gedanken.serving.door import Door, inside
from gedanken.serving.limits import Bucket, Limits
from gedanken.serving.stream.client import PolicyClient

TOKEN = "a-token-of-some-length"


def test_loopback_needs_no_token_and_every_other_address_gets_one():
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        assert Door.opened(host) == (Door(host), None)
    for host in ("0.0.0.0", "192.168.0.7", "::", "robot.local"):
        opened, token = Door.opened(host)
        assert token is not None
        assert len(token) >= 32
        assert token not in repr(opened)
        assert Door.opened(host)[1] != token
        with pytest.raises(BadInput, match="needs a token"):
            Door(host)


def test_a_token_of_ones_own_is_not_shown_again():
    opened, shown = Door.opened("0.0.0.0", TOKEN)
    assert shown is None
    opened.admit({"host": "robot.local", "authorization": f"Bearer {TOKEN}"})
    with pytest.raises(BadInput, match="can be guessed"):
        Door.opened("0.0.0.0", "1234")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", TOKEN]
)
def test_a_wrong_token_is_refused(authorization):
    opened, _ = Door.opened("0.0.0.0", TOKEN)
    with pytest.raises(Refused, match="token is missing or wrong"):
        opened.admit({"host": "robot.local", "authorization": authorization})


def test_tokens_are_compared_in_constant_time(monkeypatch):
    """By the comparison made for it, on digests, which have one length whatever was sent."""
    compared = []
    same = hmac.compare_digest
    monkeypatch.setattr(
        door.hmac, "compare_digest", lambda one, other: compared.append((one, other)) or same(one, other)
    )
    opened, _ = Door.opened("0.0.0.0", TOKEN)
    for token in ("", "x", TOKEN, "y" * 500):
        try:
            opened.admit({"host": "h", "authorization": f"Bearer {token}"})
        except Refused:
            assert token != TOKEN
    assert [(len(one), len(other)) for one, other in compared] == [(32, 32)] * 4


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({"host": "localhost:8000"}, True),
        ({"host": "[::1]:8000"}, True),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, True),
        ({"host": "127.0.0.1:8000", "origin": "http://studio.local"}, True),
        ({"host": "127.0.0.1:8000", "origin": "http://evil.example"}, False),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:9000"}, False),
        ({"host": "127.0.0.1:8000", "origin": "null"}, False),
        ({"host": "evil.example:8000", "origin": "http://evil.example:8000"}, False),
        ({"host": "127.0.0.1.evil.example"}, False),
        ({}, False),
    ],
)
def test_foreign_names_and_origins_are_refused(headers, admitted):
    opened = Door("127.0.0.1", origins=("http://studio.local",))
    if admitted:
        opened.admit(headers)
    else:
        with pytest.raises(Refused):
            opened.admit(headers)


def test_a_websocket_with_a_wrong_token_or_a_foreign_origin_is_told_so():
    opened, _ = Door.opened("0.0.0.0", TOKEN)
    with serving(door=opened) as where:
        with PolicyClient(f"ws://{where}", token=TOKEN) as robot:
            assert robot.greeting["server"] == "gedanken"
        for token in (None, "wrong"):
            with pytest.raises(Refused, match="token is missing or wrong"):
                PolicyClient(f"ws://{where}", token=token)
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            named = {**headers, "Authorization": f"Api-Key {TOKEN}"}
            if "Origin" in headers:
                with (
                    pytest.raises(InvalidStatus) as told,
                    connect(f"ws://{where}", additional_headers=named, proxy=None),
                ):
                    pass
                assert told.value.response.status_code == 403
                assert "may not talk to this server" in told.value.response.body.decode()


@pytest.mark.parametrize(
    "name", ["../quick", "..", "", ".hidden", "a/b", "a\\b", "quick\0", "/etc/passwd", "C:quick", "link"]
)
def test_no_name_leads_out_of_the_served_folder(tmp_path, name):
    folder, outside = tmp_path / "served", tmp_path / "outside.safetensors"
    folder.mkdir()
    for path in (outside, tmp_path / "quick.safetensors", folder / "quick.safetensors", folder / ".hidden.safetensors"):
        path.write_bytes(b"x")
    (folder / "link.safetensors").symlink_to(outside)
    assert inside(folder, "quick", ".safetensors").name == "quick.safetensors"
    with pytest.raises(BadInput, match="is served here"):
        inside(folder, name, ".safetensors")


def test_a_client_cannot_ask_for_a_file_elsewhere(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "mine.safetensors").write_bytes(quick_model().read_bytes())
    (tmp_path / "secret.safetensors").write_bytes(quick_model().read_bytes())
    with serving(folder) as where:
        with PolicyClient(f"ws://{where}/?model=mine") as robot:
            assert robot.greeting["model"] == "mine"
        for name in ("../secret", "..%2Fsecret", "%2e%2e%2fsecret", str(tmp_path / "secret")):
            with pytest.raises(BadInput, match="is served here; there are mine"):
                PolicyClient(f"ws://{where}/?model={name}")


def test_a_connection_that_asks_for_nothing_is_closed():
    with serving() as where:
        host, port = where.split(":")
        for said in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "):
            with socket.create_connection((host, int(port)), timeout=5) as silent:
                silent.sendall(said)
                began = time.monotonic()
                assert silent.recv(100) == b""
                assert 0.5 < time.monotonic() - began < 4
        with PolicyClient(f"ws://{where}") as robot:
            time.sleep(1.5 * LIMITS.silent_seconds)  # a robot may think as long as it likes
            now, goal = tasks(1)
            assert robot.infer({"observation": seen(now), "goal": seen(goal)})["how"] == "cold"


def test_a_robot_that_shows_no_sign_of_life_is_let_go():
    limits = Limits(ping_seconds=0.2)
    with serving(limits=limits) as where, connect(f"ws://{where}", proxy=None, ping_interval=None) as robot:
        robot.recv()
        host, port = where.split(":")
        # The same handshake by hand, which then answers no ping.
        with socket.create_connection((host, int(port)), timeout=5) as dead:
            dead.sendall(
                f"GET / HTTP/1.1\r\nHost: {where}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            came = b""
            while more := dead.recv(65536):
                came += more
            assert b"keepalive ping timeout" in came
        robot.ping().wait(1)


def flooded(line: socket.socket, data: bytes) -> None:
    for _ in range(5000):
        line.sendall(data)


def test_a_reader_that_takes_nothing_is_let_go():
    """Its replies fill the line; after a second the server gives it up, and the others never notice."""
    now, goal = tasks(1)
    with serving() as where, PolicyClient(f"ws://{where}") as robot:
        host, port = where.split(":")
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.connect((host, int(port)))
        slow.sendall(
            f"GET / HTTP/1.1\r\nHost: {where}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        slow.settimeout(0.5)
        nonsense = b"\x82\x81\0\0\0\0\xc1" * 1000  # each is answered with a sentence
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
            flooded(slow, nonsense)
        slow.close()
        assert robot.infer({"observation": seen(now), "goal": seen(goal)})["how"] == "cold"


def test_a_flood_is_slowed_down():
    limits = Limits(rate=20.0, burst=2)
    with serving(limits=limits) as where, PolicyClient(f"ws://{where}") as robot:
        began = time.monotonic()
        for _ in range(8):
            with pytest.raises(BadInput):
                robot.infer({})
        assert 0.25 < time.monotonic() - began < 3


def test_tokens_come_back_at_their_rate():
    bucket = Bucket(rate=10.0, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait(0.05) == pytest.approx(0.05)
    assert bucket.take(10.0)
    assert [bucket.take(10.0) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("name", ["message_bytes", "rate", "send_seconds"])
def test_limits_are_above_nothing(name):
    with pytest.raises(BadInput, match=name):
        Limits(**{name: 0 if name == "message_bytes" else 0.0})
