from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.serving.stop_sequences import before_stop, stable_part

STOPS = st.lists(st.text("ab\n", min_size=1, max_size=3), max_size=3)


@settings(deadline=None)
@given(st.text("ab\n\ufffd", max_size=12), STOPS)
def test_what_is_shown_of_a_growing_text_is_never_taken_back(text, stops):
    shown, kept = [], ""
    for length in range(len(text) + 1):
        kept, stop = before_stop(text[:length], stops)
        if stop:  # which ends the text: what comes later cannot hold an earlier one
            break
        shown.append(stable_part(kept, stops))
    assert all(kept.startswith(each) for each in shown)
    assert shown == sorted(shown, key=len) or "\ufffd" in text


def test_the_first_stop_counts():
    assert before_stop("a;\nb", ["\n", ";"]) == ("a", ";")
    assert before_stop("a", ["b"]) == ("a", "")
