import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.inference.place import Place
from codelm.serving.fields import Fields, read_fields
from codelm.serving.generation_request import Defaults, GenerationRequest, read_completion, read_infill
from codelm.serving.request_errors import RequestError

DEFAULTS = Defaults("src/lib.rs", ("codelm-numbers", "codelm"))
LLAMA_VIM = {
    "input_prefix": "use std::fs;\n",
    "input_suffix": "\n}\n",
    "input_extra": [{"text": "fn read() {}\n", "time": [1, 2], "filename": "src/read.rs"}],
    "prompt": "fn main() {",
    "n_predict": 256,
    "n_indent": 0,
    "top_k": 40,
    "top_p": 0.99,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 1500,
    "response_fields": ["content", "timings/prompt_n"],
}


def completion(**fields):
    return read_completion(read_fields(json.dumps(fields).encode()), DEFAULTS)


def infill(**fields):
    return read_infill(read_fields(json.dumps(fields).encode()), DEFAULTS)


def test_a_completion_without_more_goes_on_behind_its_prompt():
    assert completion(prompt="fn a") == GenerationRequest(Place("src/lib.rs", "fn a"))
    assert completion(prompt=["fn a"], suffix=None, n=1, echo=False, logit_bias={}, user="me") == completion(
        prompt="fn a"
    )


def test_a_suffix_makes_it_a_hole_and_so_does_an_empty_one():
    assert completion(prompt="a", suffix="b").place.after == "b"
    assert completion(prompt="a", suffix="").place.after == ""


def test_a_completion_says_how_and_where():
    request = completion(
        model="codelm",
        prompt="a",
        repository="tokio",
        path="src/a.rs",
        max_tokens=5,
        temperature=1,
        top_p=0,
        seed=3,
        stop="\n",
        stream=True,
        stream_options={"include_usage": True},
    )
    assert request.place == Place("src/a.rs", "a", None, "tokio")
    assert (request.max_tokens, request.temperature, request.seed, request.stop_sequences) == (5, 1.0, 3, ("\n",))
    assert request.stream
    assert request.with_usage
    assert 0 < request.top_p < 1e-5


def test_what_llama_vim_sends_is_understood():
    assert infill(**LLAMA_VIM) == GenerationRequest(
        Place("src/lib.rs", "use std::fs;\nfn main() {", "\n}\n"),
        files=(("src/read.rs", "fn read() {}\n"),),
        max_tokens=256,
        top_p=0.99,
        seconds=1.5,
        response_fields=("content", "timings/prompt_n"),
    )
    assert infill(**LLAMA_VIM, filename="src/main.rs").place.path == "src/main.rs"


def test_no_limit_in_an_infill_is_the_server_s():
    assert infill(input_prefix="", input_suffix="", n_predict=-1).max_tokens > 2**32
    assert infill(input_prefix="", input_suffix="", n_predict=0, seed=-1, t_max_predict_ms=-1) == GenerationRequest(
        Place("src/lib.rs", "", ""), max_tokens=0
    )


def test_a_time_limit_beyond_all_time_is_one():
    limit = infill(input_prefix="", input_suffix="", t_max_predict_ms=10**400).seconds
    assert 1e12 < limit < float("inf")


def test_a_value_nested_too_deeply_to_be_shown_is_refused_all_the_same():
    value = []
    for _ in range(2000):  # json reads a few levels more than it writes; which, depends on what has called it
        value = [value]
    with pytest.raises(RequestError, match="nested too deeply"):
        Fields({"prompt": value}).text("prompt")


def test_half_a_character_is_no_error():
    assert completion(prompt="a\ud83d").place.before == "a?"


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({}, 400, "prompt"),
        ({"prompt": ["a", "b"]}, 400, "prompt"),
        ({"prompt": [1, 2]}, 400, "prompt"),
        ({"prompt": [[1, 2]]}, 400, "prompt"),
        ({"suffix": 1}, 400, "suffix"),
        ({"max_tokens": -1}, 400, "max_tokens"),
        ({"max_tokens": 1.5}, 400, "max_tokens"),
        ({"max_tokens": True}, 400, "max_tokens"),
        ({"temperature": -1}, 400, "temperature"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"temperature": False}, 400, "temperature"),
        ({"top_p": 1.1}, 400, "top_p"),
        ({"seed": "x"}, 400, "seed"),
        ({"stop": ""}, 400, "stop"),
        ({"stop": [1]}, 400, "stop"),
        ({"stop": ["a"] * 33}, 400, "stop"),
        ({"stream": 1}, 400, "stream"),
        ({"stream_options": [1]}, 400, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, 400, "stream_options.include_usage"),
        ({"path": "a\nb"}, 400, "path"),
        ({"repository": "a" * 257}, 400, "repository"),
        ({"n": 2}, 400, "n"),
        ({"best_of": 2}, 400, "best_of"),
        ({"echo": True}, 400, "echo"),
        ({"logprobs": 0}, 400, "logprobs"),
        ({"logit_bias": {"1": 1}}, 400, "logit_bias"),
        ({"frequency_penalty": 0.5}, 400, "frequency_penalty"),
        ({"presence_penalty": 0.5}, 400, "presence_penalty"),
        ({"model": "other"}, 404, "model"),
        ({"model": 1}, 400, "model"),
    ],
)
def test_a_wrong_field_of_a_completion_is_named(fields, status, field):
    with pytest.raises(RequestError) as raised:
        completion(**({"prompt": "a"} if fields else {}) | fields)
    assert (raised.value.status, raised.value.field) == (status, field)
    assert field.rpartition(".")[2] in str(raised.value) or field == "model"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input_suffix": None}, "input_suffix"),
        ({"input_prefix": ["a", 1]}, "input_prefix"),
        ({"prompt": 1}, "prompt"),
        ({"n_predict": "9"}, "n_predict"),
        ({"n": 2}, "n"),
        ({"input_extra": {}}, "input_extra"),
        ({"input_extra": ["a"]}, "input_extra"),
        ({"input_extra": [{"filename": 1, "text": "a"}]}, "input_extra[0].filename"),
        ({"response_fields": "content"}, "response_fields"),
        ({"t_max_predict_ms": 0.5}, "t_max_predict_ms"),
    ],
)
def test_a_wrong_field_of_an_infill_is_named(fields, field):
    with pytest.raises(RequestError) as raised:
        infill(**{"input_prefix": "a", "input_suffix": "b"} | fields)
    assert raised.value.field == field


ODD = [None, True, False, 0, -1, 1, 9**999, -0.5, 1e300, "", "a", "\ud800", "\0", [], [None], ["a"], [[]], {}, {"a": 1}]
NAMES = [*LLAMA_VIM, "model", "suffix", "max_tokens", "temperature", "seed", "stop", "n", "path", "stream_options"]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ODD), max_size=4), st.sampled_from([completion, infill]))
def test_whatever_a_field_holds_it_is_read_or_refused(fields, read):
    with suppress(RequestError):
        request = read(**{"prompt": "a", "input_prefix": "", "input_suffix": ""} | fields)
        assert request.max_tokens >= 0
        assert request.seed is None or 0 <= request.seed < 2**63


def test_a_time_limit_may_be_of_any_length():
    assert infill(input_prefix="", input_suffix="", t_max_predict_ms=10**400).seconds > 1e12


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b'{"prompt": "a", "n": 1, "prompt": "b"}', "prompt", '"prompt" is there twice; send each field once'),
        (b'{"input_extra": [{"text": "a", "text": "a"}]}', "text", '"text" is there twice; send each field once'),
        (b'{"\\ud800\\n": 1, "\\ud800\\n": 2}', "?\n", '"\\ud800\\n" is there twice; send each field once'),
    ],
)
def test_two_fields_of_one_name_are_refused(body, field, message):
    with pytest.raises(RequestError) as raised:
        read_fields(body)
    assert (raised.value.status, raised.value.field, str(raised.value)) == (400, field, message)


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}'])
def test_numbers_that_json_does_not_have_are_refused(body):
    with pytest.raises(RequestError, match="not JSON"):
        read_fields(body)
