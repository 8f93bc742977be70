"""Signals to a training, sent by itself at a place in its code or by a clock."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.torture.guards import owner_of

__all__ = ["PLACES", "SIGNALS", "TWICE", "Stop", "shorten_evaluation"]

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TWICE = -signal.SIGTERM
"""SIGTERM, and again a moment later."""
_MOMENT = 0.05

PLACES = {
    "building the store": "codelm.history.store:StoreWriter.add",
    "the end of building the store": "codelm.history.store:sync_files",
    "training": "codelm.modules:CausalLM.training_step",
    "the end of an optimizer step": "codelm.modules:CausalLM.lr_scheduler_step",
    "validation": "codelm.modules:CausalLM.validation_step",
    "a checkpoint half written": "pathlib:Path.write_bytes",
    "a file renamed": "codelm.files:sync_folder",
    "the adapter half written": "codelm.modules:LoRACausalLM.save_adapter",
    "evaluation": "codelm.evaluation.evaluate:_run_task",
    "the report": "codelm.runs.figures:page",
    "the manifest": "codelm.runs.finish.write_manifest:to_json",
}
"""Functions, at whose calls a signal is sent."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A signal, sent by the process in which it is called.

    Attributes:
        number: The signal, or `TWICE`; 0 sends none.
        place: One of `PLACES`, or "time".
        when: The call at which it is sent, from 1; or the seconds after which it is.
    """

    number: int
    place: str = "training"
    when: float = 1

    def __call__(self) -> None:
        """Arm this process, and let it count the batches it learns from in the file ``batches``."""
        _count_batches()
        shorten_evaluation()
        if not self.number:
            return
        if self.place == "time":
            _later(self.when, abs(self.number))
            return
        owner, name = owner_of(PLACES[self.place])
        setattr(owner, name, self._stopping(getattr(owner, name)))

    def _stopping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        calls: list[int] = []

        def stopping(*arguments: Any, **named: Any) -> Any:
            if self.place == "a checkpoint half written" and ".ckpt" not in str(arguments[0]):
                return function(*arguments, **named)
            calls.append(1)
            if len(calls) != self.when:
                return function(*arguments, **named)
            if self.place == "a checkpoint half written":
                arguments = (arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            behind = self.place in ("a checkpoint half written", "a file renamed", "the adapter half written")
            done = function(*arguments, **named) if behind else None
            self._send()
            return done if behind else function(*arguments, **named)

        return stopping

    def _send(self) -> None:
        if self.number == TWICE:
            _later(_MOMENT, signal.SIGTERM)
        os.kill(os.getpid(), abs(self.number))


def _later(seconds: float, number: int) -> None:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()


def _count_batches() -> None:
    from codelm.modules import CausalLM

    model: Any = CausalLM
    step, file = model.training_step, os.open(Path("batches"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def counted(*arguments: Any) -> Any:
        os.write(file, b".")
        return step(*arguments)

    model.training_step = counted


def shorten_evaluation() -> None:
    """Let general code be one line: with a tokenizer of bytes all of it is 66,000 tokens."""
    from codelm.evaluation.general import Text
    from codelm.evaluation.tasks import forgetting, infilling

    text = Text("a.rs", "rust", "own rust", "fn a() {}\n")
    for task in (forgetting, infilling):
        task.own_texts = lambda: [text]  # type: ignore[attr-defined]
        task.library_texts = list  # type: ignore[attr-defined]
