"""Groups a table, with threads of its own."""

REQUIRES = ["polars"]


def main(port):
    import polars as pl

    frame = pl.DataFrame({"city": ["Oslo", "Oslo", "Rome"], "rain": [5, 7, 3]})
    summed = frame.lazy().group_by("city").agg(pl.col("rain").sum()).sort("city").collect()
    assert summed.to_dicts() == [{"city": "Oslo", "rain": 12}, {"city": "Rome", "rain": 3}]
