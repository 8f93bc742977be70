import pytest

from codelm.report.refresh import refresh_texts

FOUND = {
    "lines": "new",
    "commits": 40,
    "bytes": 999,
    "before": 1.25,
    "after": 1.0,
    "change_percent": -20.0,
    "interval": [-25.0, -15.0],
    "kept": "new",
}


def test_a_gain_is_said_with_its_interval():
    assert refresh_texts(FOUND, "x/version_0") == (
        "the adapter of x/version_0 1.250 -> new 1.000 bits per byte (-20.0 %, 95 % interval -25.0 to -15.0) over new "
        "lines of 40 later commits",
        "the new adapter: later commits became easier",
    )


@pytest.mark.parametrize(
    ("other", "compared", "kept"),
    [
        ({"interval": None}, "(-20.0 %, too few for an interval)", "became easier"),
        ({"interval": [-40.0, 0.5]}, "interval -40.0 to 0.5", "became easier, though the interval allows for chance"),
        ({"kept": "old", "change_percent": 0.0}, "(+0.0 %", "the adapter before: later commits became no easier"),
        ({"unmeasured": "no time"}, "the adapter before was not compared with: no time", "the new adapter"),
        (
            {"unmeasured": "stopped", "kept": "old"},
            ": stopped",
            "the adapter before, until the run has gone on to its end",
        ),
    ],
)
def test_what_is_not_sure_is_not_said_as_if_it_were(other, compared, kept):
    texts = refresh_texts(FOUND | other, None)
    assert compared in texts[0]
    assert kept in texts[1]
