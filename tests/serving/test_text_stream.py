import pytest

from codelm.inference.place import Place
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.text_stream import TextStream


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("written", ["a;\r\n\r\nb\r\n", "a;\n\nb\n", "a;\r\n\nb\r\n"])
def test_a_text_streams_with_the_line_ends_of_its_place_whichever_the_model_writes(end, written):
    chunks = []
    stream = TextStream(GenerationRequest(Place("a.rs", f"{{{end}")), chunks.append, lambda: False, 100)
    for length in range(1, len(written) + 1):
        assert not stream(written[:length])
    found = stream.completion(written, has_ended=True, prompt_tokens=1)
    assert found.text == "".join(chunks) == end.join(["a;", "", "b", ""])


@pytest.mark.parametrize("written", ["a;\r\n\r\nb", "a;\n\nb"])
@pytest.mark.parametrize("stop", ["\n\n", "\r\n\r\n"])
def test_a_stop_may_have_either_line_end(written, stop):
    chunks = []
    request = GenerationRequest(Place("a.rs", "{\r\n"), stop_sequences=(stop,))
    stream = TextStream(request, chunks.append, lambda: False, 100)
    lengths = iter(range(1, len(written) + 1))
    assert any(stream(written[:length]) for length in lengths)
    found = stream.completion(written[: next(lengths) - 1], has_ended=False, prompt_tokens=1)
    assert (found.text, found.stop_type) == ("a;", "word")
    assert "".join(chunks) == "a;"
