"""Writes and reads a message."""

REQUIRES = ["protobuf"]


def main(port):
    from google.protobuf import json_format, struct_pb2

    message = struct_pb2.Struct()
    message.update({"a": [1, "b", True]})
    again = struct_pb2.Struct.FromString(message.SerializeToString())
    assert json_format.MessageToDict(again) == {"a": [1, "b", True]}
