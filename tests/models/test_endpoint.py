"""A chat server in another thread, on the loopback: asked over real HTTP, in all the ways in which servers fail."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from models.endpoint import LONGEST_SIDE, open_endpoint
from models.errors import InputError, SetupError
from models.profiles import load_profile
from models.registry import hub_models, seer

RED = np.full((600, 1200, 3), (220, 20, 20), np.uint8)
FINE = json.dumps({"choices": [{"message": {"role": "assistant", "content": " Red. "}}]}).encode()


class Server:
    """Gives the answers (status, body) one after the other, the last of them for ever, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.asked: list[tuple[str, dict, dict]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = answers[min(len(outer.asked), len(answers) - 1)]
                outer.asked.append((self.path, dict(self.headers), body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1#tiny"


@pytest.fixture
def serve() -> Iterator:
    servers: list[Server] = []

    def start(*answers: tuple[int, bytes]) -> Server:
        servers.append(Server(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.server.shutdown()
        server.server.server_close()


def ask(server: Server, *images: np.ndarray) -> str:
    return open_endpoint(server.address, pause=0.01, timeout=5)(images, "Which colour?", 20)


def test_pictures_and_question_go_out_and_the_answer_comes_back(serve, monkeypatch) -> None:
    monkeypatch.setenv("BROLL_API_KEY", "k-1")
    server = serve((200, FINE))
    assert ask(server, RED, RED) == "Red."
    path, headers, body = server.asked[0]
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer k-1"
    assert body["model"] == "tiny" and body["max_tokens"] == 20 and body["temperature"] == 0
    *pictures, text = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "Which colour?"} and len(pictures) == 2
    data = base64.b64decode(pictures[0]["image_url"]["url"].partition(",")[2])
    sent = Image.open(io.BytesIO(data))
    assert max(sent.size) == LONGEST_SIDE and sent.getpixel((9, 9))[0] > 200


def test_no_key_is_sent_where_none_is_set(serve, monkeypatch) -> None:
    monkeypatch.delenv("BROLL_API_KEY", raising=False)
    server = serve((200, FINE))
    assert ask(server) == "Red." and "Authorization" not in server.asked[0][1]


def test_a_busy_server_is_asked_again_a_bounded_number_of_times(serve) -> None:
    server = serve((503, b"loading"), (429, b"slow down"), (200, FINE))
    assert ask(server) == "Red." and len(server.asked) == 3
    server = serve((503, b"still\nloading"))
    with pytest.raises(SetupError, match="503 .*still loading"):
        ask(server)
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "body"), [(404, b"no such model"), (401, b"key?"), (302, b"")])
def test_a_refusal_is_told_at_once_in_the_servers_words(serve, status, body) -> None:
    server = serve((status, body))
    with pytest.raises(SetupError, match=f"{status} .*{body.decode()}"):
        ask(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"choices": []}', b"[" * 5000, b" " * ((1 << 20) + 9)])
def test_what_is_no_chat_answer_is_refused(serve, body) -> None:
    with pytest.raises(SetupError, match="chat protocol"):
        ask(serve((200, body)))


def test_nobody_listening_is_one_clear_line() -> None:
    with pytest.raises(SetupError, match="is the server running"):
        open_endpoint("http://127.0.0.1:9/v1#m", pause=0.0, timeout=2)([], "?", 5)


@pytest.mark.parametrize("address", ["http://host/v1", "http:///v1#m", "ftp://host/v1#m"])
def test_an_address_that_is_none_is_refused(address) -> None:
    with pytest.raises(InputError, match="#MODEL"):
        open_endpoint(address)


def test_a_profile_may_name_a_server(serve, tmp_path) -> None:
    server = serve((200, FINE))
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "embedded"\nvision = "{server.address}"\n')
    profile = load_profile(str(path))
    assert seer(profile)([RED], "Which colour?", 9) == "Red."
    assert server.address not in dict(hub_models(profile))
