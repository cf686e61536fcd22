"""Signs a request, and puts an object."""

REQUIRES = ["boto3"]


def main(port):
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="eu-north-1",
    )
    answer = client.put_object(Bucket="bucket", Key="key", Body=b"content")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
