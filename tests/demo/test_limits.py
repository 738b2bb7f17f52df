from dataclasses import fields

import pytest

from awcu.demo.limits import Limits
from awcu.errors import LimitError


@pytest.mark.parametrize("name", [one.name for one in fields(Limits)])
def test_a_limit_lets_somebody_in(name):
    assert getattr(Limits(**{name: 1}), name) == 1
    with pytest.raises(LimitError, match=f"{name}=0 lets nobody in"):
        Limits(**{name: 0})
