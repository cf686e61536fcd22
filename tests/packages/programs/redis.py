"""Speaks to a server that is no database."""

REQUIRES = ["redis", "hiredis"]


def main(port):
    import redis

    try:
        redis.Redis("127.0.0.1", port, socket_timeout=5, retry=None).ping()
    except redis.RedisError as error:
        assert "ermission" not in str(error), error
