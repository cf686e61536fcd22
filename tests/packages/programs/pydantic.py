"""Validates a model from JSON."""

REQUIRES = ["pydantic"]


def main(port):
    from pydantic import BaseModel, Field, ValidationError

    class Order(BaseModel):
        number: int = Field(gt=0)
        items: list[str]

    assert Order.model_validate_json('{"number": "7", "items": ["a"]}').number == 7
    try:
        Order(number=0, items=[1])
    except ValidationError as error:
        assert error.error_count() == 2
    else:
        raise AssertionError("nothing was refused")
