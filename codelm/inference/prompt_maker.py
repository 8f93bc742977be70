"""Prompts for places in files, in the format that a run's model has learned."""

from collections.abc import Sequence

from codelm.errors import InputError
from codelm.history.samples.pieces import valid_utf8
from codelm.history.samples.prompts import Prompt, prompt
from codelm.history.tokenization.encoder import Encoder
from codelm.inference.place import Place, as_learned, with_line_cut
from codelm.lines import with_line_feeds
from codelm.metrics.infill_tasks import visible_context
from codelm.metrics.retrieval import Files, most_similar
from codelm.token_healing import HealedPrompt

__all__ = ["PromptMaker"]

_OTHER_TOKENS = 96
"""Tokens that are kept free for names and special tokens."""
_FEWEST_TOKENS = 32
"""Tokens of code that a prompt has room for at least."""
_MOST_SHOWN, _SHARE_SHOWN = 300, 4
"""The most tokens of other code, for which docs/results.md has what it is worth, and the share of the room for it."""


class PromptMaker:
    """Makes the prompts of a run's model.

    Args:
        encoder: The tokenizer of its base, with the format of the samples it learned.
        base_name: The name of its base, for messages.
        repository: The name of the repository it learned.
        row_tokens: Tokens of prompt and answer together at most.
    """

    def __init__(self, encoder: Encoder, *, base_name: str, repository: str, row_tokens: int) -> None:
        self.encoder = encoder
        self.base_name = base_name
        self.repository = repository
        self.row_tokens = row_tokens

    @property
    def fills_in(self) -> bool:
        """Whether the base writes between two texts, and not only from left to right."""
        return bool(self.encoder.format.infill)

    def encode(self, places: Sequence[Place], new_tokens: int, files: Files = ()) -> list[HealedPrompt]:
        """Return the token ids of the prompt for each place; see `prompt`."""
        return self.encoder.encode_prompts([self.prompt(each, new_tokens, files) for each in places])

    def prompt(self, place: Place, new_tokens: int, files: Files = ()) -> Prompt:
        """Return the prompt for a place, with as much of the code around it as there is room for.

        Lines end with LF in it, whatever ends they have at the place: all text that was learned has.

        Args:
            place: The place.
            new_tokens: Tokens to keep free for the answer.
            files: Other code, of which the part most like that around the place is shown first.

        Raises:
            InputError: The base cannot fill in, or has no room for an answer of so many tokens.
        """
        if place.after is not None and not self.fills_in:
            raise InputError(
                f"base model {self.base_name} writes from left to right: leave the text behind the place out"
            )
        place, files = as_learned(place), [(path, with_line_feeds(text)) for path, text in files]
        repository = place.repository or self.repository
        names = sum(self.encoder.count([valid_utf8(repository), valid_utf8(place.path)])) + _OTHER_TOKENS // 2
        room = self.row_tokens - new_tokens - max(_OTHER_TOKENS, names)
        if room < _FEWEST_TOKENS:
            raise self._no_room(new_tokens, room + new_tokens - _FEWEST_TOKENS)
        most = min(_MOST_SHOWN, room // _SHARE_SHOWN)
        example = most_similar(place.before, place.after or "", files, self.encoder.count, most)
        room -= sum(self.encoder.count(example)) if example else 0
        place = with_line_cut(place, self.encoder.count, room)
        before, after = visible_context(place.before, place.after or "", self.encoder.count, room)
        shown = None if place.after is None else after
        return prompt(repository, place.path, before, shown, self.encoder.format, example=example)

    def _no_room(self, new_tokens: int, most: int) -> InputError:
        """Return the error that there is no room for an answer of so many tokens; a row has room for ``most``."""
        if most > 0:
            return InputError(f"{new_tokens} new tokens leave no room for a prompt: give at most {most}")
        return InputError(
            f"rows of {self.row_tokens} tokens have no room for an answer beside a prompt and the names of file and "
            "repository: give shorter names, or a run with longer rows"
        )
