"""Writes and reads Parquet."""

REQUIRES = ["pyarrow"]


def main(port):
    import io

    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pa.table({"n": [1, 2, 3], "s": ["a", "b", "c"]})
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    assert pc.sum(pq.read_table(io.BytesIO(file.getvalue()))["n"]).as_py() == 6
