"""Draws a figure."""

REQUIRES = ["matplotlib"]


def main(port):
    import io

    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 3, 2])
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG") and len(file.getvalue()) > 5000
