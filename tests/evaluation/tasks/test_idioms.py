import pytest

from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.idioms import (
    HEADS,
    NEW_TOKENS,
    cut_as_generated,
    generate_items,
    held_out_functions,
    idioms,
)
from codelm.evaluation.time_budget import TimeBudget
from codelm.metrics.idioms import comparable_functions, functions

LIMIT = 10
FUNCTION = """ parse_it<'a, T: Into<u64>>(text: &'a str, value: T) -> Option<u64> {
    text.find('a')?;
    Some(value.into())
}
"""
PLAIN = " f() { let plain = 1; let longer = plain + 1; assert_eq!(plain, longer); return; }\n"


@pytest.fixture
def make_writer(make_reciter):
    """Return a class of models that write one text as base and another one as tuned."""
    from codelm.modules.generation import Generated

    class Writer(make_reciter):
        def generate_texts(self, prompts, sampling, complete=()):
            for prompt in prompts:
                self.prompts.append(prompt)
                yield Generated(self.texts[self.base][0], stopped=True)

    return Writer


def test_the_functions_of_both_models_are_compared_with_the_repository_s(data, make_writer):
    writer = make_writer([FUNCTION], [PLAIN])
    found = idioms(writer, data, 25, TimeBudget(600), 0)
    assert found["functions"]["base"] == found["functions"]["tuned"] == 31
    assert found["asked"] == {"functions": 31, "of": 31, "derives": 25, "derives_of": 25}
    real = [cut_as_generated(each, data.encoder) for each in functions("\n".join(data.snapshot.values()))]
    assert found["functions"]["repository"] == len(comparable_functions(real)) > 0
    assert found["measures"]["lifetime_complexity"] == {"repository": 0.0, "base": 0.0, "tuned": 1.0}
    assert found["measures"]["trait_usage"]["tuned"] > found["measures"]["trait_usage"]["base"]


def test_both_models_have_the_same_prompts_under_the_repository_s_name(data, make_writer):
    writer = make_writer([FUNCTION], [FUNCTION])
    idioms(writer, data, LIMIT, TimeBudget(600), 0)
    shown = [data.encoder.decode([token for token in ids if token > 5]) + typed for ids, typed in writer.prompts]
    assert all(text.startswith("numberssrc/") and text.endswith((*HEADS, "#[derive(")) for text in shown)
    assert sum(text.endswith(HEADS) for text in shown) == 2 * (LIMIT + LIMIT // 4)
    assert {text: shown.count(text) % 2 for text in shown} == dict.fromkeys(shown, 0)
    assert len(set(shown)) > LIMIT // 2


@pytest.mark.parametrize("parts", [1, 4, 5])
def test_every_head_is_asked_for_in_each_of_few_files(parts, make_data, make_repository, make_writer):
    body = "-> u64 {{ let found_{0} = {0} * 37; let other_{0} = found_{0} + 11; found_{0} * other_{0} }}\n"
    commits = [{f"part_{number % parts}.rs": (f"fn take_{number}() " + body).format(number)} for number in range(12)]
    writer = make_writer([FUNCTION], [FUNCTION])
    data = make_data(make_repository(commits))
    idioms(writer, data, 4 * parts, TimeBudget(600), 0)
    shown = [data.encoder.decode([token for token in ids if token > 5]) + typed for ids, typed in writer.prompts]
    asked = {tuple(text.rpartition(".rs\n")[::2]) for text in shown if text.endswith(HEADS)}
    assert len({path for path, _ in asked}) == parts
    assert len(asked) == parts * len(HEADS)


def test_both_models_write_lists_of_traits_that_they_derive_together(make_data, make_repository, make_writer):
    item = "#[derive(Clone, Debug)]\npub struct Name {{ number_{0}: u32 }}\n\n"
    function = "pub fn number_{0}(name: &Name) -> u32 {{ let found = name.number_{0}; found + found.count_ones() }}\n"
    commits = [{f"src/part_{number}.rs": (item + function).format(number)} for number in range(12)]
    lists = make_writer(["Debug, Clone)]\npub struct A;\n"], ["Debug)]\npub struct A;\n"])
    functions = make_writer([PLAIN], [PLAIN])
    data, write = make_data(make_repository(commits)), lists.generate_texts
    lists.generate_texts = lambda prompts, sampling, complete=(): (
        functions.generate_texts if sampling.max_new_tokens == NEW_TOKENS else write
    )(prompts, sampling)
    found = idioms(lists, data, LIMIT, TimeBudget(600), 0)["derives"]
    assert found["strip"] == [{"derive": "Clone, Debug", "repository": 100.0, "base": 0.0, "tuned": 100.0}]
    assert found["counts"]["base"] == found["counts"]["tuned"] == LIMIT


def test_no_head_ends_in_white_space_that_tokens_join_to_a_name():
    assert all(head == head.rstrip() for head in HEADS)


def test_a_real_model_writes_as_many_functions_as_there_is_time_for(data, evaluated):
    prompts = [(next(iter(data.snapshot)), "fn")] * 4
    base, tuned = generate_items(evaluated, data, prompts, 160, TimeBudget(600))
    assert len(base) == len(tuned) == 4
    assert all(text.startswith("fn") for text in base + tuned)
    assert generate_items(evaluated, data, prompts, 160, TimeBudget(0)) == ([], [])


def test_held_out_functions_are_those_that_the_repository_did_not_have(data):
    known = frozenset(function for text in data.snapshot.values() for function in functions(text))
    found = held_out_functions(data, known)
    assert found
    assert all("_39" not in function for function in known)
    assert any("add_kappa_39" in function for function in found)
    assert not known & set(found)


def test_functions_of_a_path_that_two_repositories_share_are_those_of_both(make_data, make_repository):
    def history(name):
        lines = [f"fn {name}_{number}() -> u64 {{ {number} }}\n" for number in range(12)]
        return make_repository([{"src/lib.rs": "".join(lines[: number + 1])} for number in range(12)], name=name)

    found = held_out_functions(make_data(history("one"), history("two")), frozenset())
    assert all(any(f"fn {name}_11" in function for function in found) for name in ("one", "two"))


def test_what_was_not_drawn_of_a_large_repository_is_known_all_the_same(data, make_writer, monkeypatch):
    calls = []
    monkeypatch.setattr("codelm.evaluation.tasks.idioms._MOST_FUNCTIONS", 1)
    monkeypatch.setattr("codelm.evaluation.tasks.idioms.compare", lambda *samples: calls.append(samples))
    monkeypatch.setattr(
        "codelm.evaluation.tasks.idioms.held_out_functions", lambda _, known: calls.append(known) or sorted(known)
    )
    with pytest.raises(UnmeasuredError, match="no function of 80 bytes or more was written"):
        idioms(make_writer([FUNCTION], [PLAIN]), data, LIMIT, TimeBudget(600), 0)
    known, (repository, held_out, *_) = calls
    assert known == frozenset(functions("\n".join(data.snapshot.values())))
    assert len(repository) == len(held_out) == 1


def test_a_long_function_ends_where_a_model_that_wrote_it_would_have_been_cut(data, make_writer):
    from codelm.modules.generation import Generated

    body = "".join(f"    let value_{number} = compute({number})?;\n" for number in range(60))
    real = f"fn long() {{\n{body}}}"
    generated = data.encoder.decode(data.encoder.locate(real[2:])[0][:NEW_TOKENS])
    writer = make_writer([generated])
    writer.generate_texts = lambda prompts, sampling, complete=(): (
        Generated(generated, stopped=False) for _ in prompts
    )
    (by_model,), _ = generate_items(writer, data, [(next(iter(data.snapshot)), "fn")], NEW_TOKENS, TimeBudget(600))
    assert cut_as_generated(real, data.encoder) == by_model
    assert by_model.endswith("?;")
    assert len(by_model) < len(real)
    assert cut_as_generated("pub fn short() { short() }", data.encoder) == "pub fn short() { short() }"
