"""An HTTP server on the loopback whose every answer is a function of the test's: it may stop, lie, stall or reset."""
import os
import socket
import ssl
import struct
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
CA_FILE = os.path.join(HERE, "tls", "ca.pem")


class Request:
    def __init__(self, line, headers, number):
        self.line = line
        self.path = line.split(" ")[1] if line.count(" ") == 2 else line
        self.headers = headers
        self.number = number  # of the requests for this path, from 1

    def range_from(self):
        value = self.headers.get("range", "")
        return int(value[len("bytes="):-1]) if value.startswith("bytes=") and value.endswith("-") else None


class Server:
    """answers: {path: function(connection, request)}; requests: all that came, in order."""

    def __init__(self, tls=False, address="127.0.0.1"):
        self.answers = {}
        self.requests = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.context = None
        self.connections = 0
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(os.path.join(HERE, "tls", "server.pem"))
        self.socket = socket.create_server((address, 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.base = "%s://%s:%d" % ("https" if tls else "http", address, self.port)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with self.lock:
                self.connections += 1
            connection.settimeout(60)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
            headers = {key.strip().lower(): value.strip()
                       for key, value in (line.split(":", 1) for line in lines[1:])}
            with self.lock:
                path = lines[0].split(" ")[1]
                number = 1 + sum(1 for request in self.requests if request.path == path)
                request = Request(lines[0], headers, number)
                self.requests.append(request)
                answer = self.answers.get(path)
            if answer:
                answer(connection, request)
            else:
                respond(connection, 404, b"nothing here")
            try:
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    def seen(self, path):
        with self.lock:
            return [request for request in self.requests if request.path == path]


def head(status, headers):
    lines = ["HTTP/1.1 %d Whatever" % status, "Connection: close"] + ["%s: %s" % item for item in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def respond(connection, status, body=b"", length=None, **headers):
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    named["Content-Length"] = len(body) if length is None else length
    connection.sendall(head(status, named) + body)


def serve_ranges(body, etag=None, cut=None):
    """Serves body, parts of it on request; the first answer is cut after `cut` bytes."""
    def answer(connection, request):
        start = request.range_from()
        headers = {"ETag": etag} if etag else {}
        if start is None or (etag and request.headers.get("if-range") not in (None, etag)):
            sent = body[:cut] if cut is not None and request.number == 1 else body
            respond(connection, 200, sent, len(body), **headers)
        else:
            respond(connection, 206, body[start:], None,
                    Content_Range="bytes %d-%d/%d" % (start, len(body) - 1, len(body)), **headers)
    return answer


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
