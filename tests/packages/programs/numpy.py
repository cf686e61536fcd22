"""Inverts a matrix, and transforms it back and forth."""

REQUIRES = ["numpy"]


def main(port):
    import numpy as np

    matrix = np.random.default_rng(1).random((200, 200))
    identity = matrix @ np.linalg.inv(matrix)
    assert np.allclose(identity, np.eye(200))
    assert abs(np.fft.ifft(np.fft.fft(matrix[0])).real - matrix[0]).max() < 1e-12
