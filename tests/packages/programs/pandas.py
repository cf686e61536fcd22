"""Reads a table, groups it and turns it."""

REQUIRES = ["pandas"]


def main(port):
    import io

    import pandas as pd

    frame = pd.read_csv(io.StringIO("city,month,rain\nOslo,1,5\nOslo,2,7\nRome,1,3\n"))
    assert frame.groupby("city")["rain"].sum().to_dict() == {"Oslo": 12, "Rome": 3}
    assert frame.pivot(index="city", columns="month", values="rain").loc["Oslo", 2] == 7
