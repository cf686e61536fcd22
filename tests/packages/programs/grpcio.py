"""Calls a server that does not understand it."""

REQUIRES = ["grpcio"]


def main(port):
    import grpc

    channel = grpc.insecure_channel(f"localhost:{port}")
    call = channel.unary_unary("/service/Method")
    try:
        call(b"request", timeout=5)
    except grpc.RpcError as error:
        # An HTTP/1 server is no gRPC server; that it has been spoken to is what counts.
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN), error
    finally:
        channel.close()
