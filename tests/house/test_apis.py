"""The page of APIs is up to date, and no API is said to be there that no test names."""

import apis


def test_a_test_names_each_api():
    assert apis.untested() == []


def test_the_page_is_what_the_list_makes():
    assert apis.PAGE.read_text() == apis.page(), "run `python tests/house/apis.py`"
