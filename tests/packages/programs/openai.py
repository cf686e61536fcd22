"""Asks a server for what it has not."""

REQUIRES = ["openai"]


async def main(port):
    import openai

    client = openai.AsyncOpenAI(api_key="key", base_url=f"http://127.0.0.1:{port}/echo", max_retries=0)
    try:
        await client.models.list()
    except openai.APIStatusError as error:
        assert error.status_code == 404
