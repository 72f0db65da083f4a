"""Messages about invalid values of a body name the place, and the values or fields allowed there."""

from __future__ import annotations

import pytest
from litestar.exceptions import ValidationException

from services.web.requests import converted
from services.wire import BatchSearch, ListingChange, StoredSearch


@pytest.mark.parametrize(
    ("struct", "body", "key", "message"),
    [
        (StoredSearch, {"prize": 1}, "", "unknown field `prize`; the fields are k, category, category_path"),
        (StoredSearch, {"engine": "lucene"}, "engine", "'lucene'; choose from auto, faiss, qdrant"),
        (BatchSearch, {"queries": [{"prize": 1}]}, "queries[0]", "`prize`; the fields are k, category, category_path"),
        (BatchSearch, {"queries": [{}, {"engine": "x"}]}, "queries[1].engine", "choose from auto, faiss, qdrant"),
        (BatchSearch, {"query": []}, "", "unknown field `query`; the fields are queries"),
        (ListingChange, {"title": 3}, "title", "Expected `str`, got `int`"),
    ],
)
def test_names_the_place_and_what_is_allowed_there(struct: type, body: object, key: str, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        converted(body, struct, strict=True)
    (problem,) = refused.value.extra or ()
    assert isinstance(problem, dict)
    assert problem["key"] == key
    assert message in problem["message"]
