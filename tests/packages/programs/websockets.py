"""A handshake and a message, without a network."""

REQUIRES = ["websockets"]


def main(port):
    from websockets.client import ClientProtocol
    from websockets.server import ServerProtocol
    from websockets.uri import parse_uri

    client, server = ClientProtocol(parse_uri("ws://example.com/")), ServerProtocol()
    client.send_request(client.connect())
    server.receive_data(b"".join(client.data_to_send()))
    server.send_response(server.accept(server.events_received()[0]))
    client.receive_data(b"".join(server.data_to_send()))
    client.send_text(b"hello")
    server.receive_data(b"".join(client.data_to_send()))
    assert server.events_received()[0].data == b"hello"
