from datetime import timedelta

import pytest

from service.budgeting import span


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "1s"), (59, "59s"), (60, "1m0s"), (3600, "1h0m0s"), (22325, "6h12m5s")]
)
def test_the_time_until_a_budget_renews_ends_in_seconds(seconds, said):
    assert span(timedelta(seconds=seconds)) == said
