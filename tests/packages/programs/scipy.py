"""Integrates, finds a root, solves a sparse system."""

REQUIRES = ["scipy"]


def main(port):
    from scipy import integrate, optimize, sparse
    from scipy.sparse.linalg import spsolve

    assert abs(integrate.quad(lambda x: x * x, 0, 3)[0] - 9) < 1e-9
    assert abs(optimize.brentq(lambda x: x**3 - 2, 0, 2) - 2 ** (1 / 3)) < 1e-9
    assert spsolve(sparse.csc_matrix([[2.0, 0], [0, 4]]), [2.0, 8]).tolist() == [1, 2]
