"""Intersects shapes."""

REQUIRES = ["shapely"]


def main(port):
    from shapely import Point, Polygon

    square = Polygon([(0, 0), (2, 0), (2, 2), (0, 2)])
    assert square.area == 4 and square.contains(Point(1, 1))
    assert abs(square.intersection(Point(0, 0).buffer(1)).area - 0.785) < 0.01
