"""Begins a TLS handshake with the system"s certificates."""

REQUIRES = []


def main(port):
    import socket
    import ssl

    context = ssl.create_default_context()
    client, server = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(client, server, server_hostname="example.com")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    assert server.read()[:1] == b"\x16" and len(context.get_ca_certs()) + len(context.cert_store_stats()) > 0
    socket.socket().close()
