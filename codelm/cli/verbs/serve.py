"""``codelm serve``: a run's model for editors, over HTTP."""

import logging
import os
from argparse import Namespace
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from codelm.cli.base_folder import base_of_run
from codelm.cli.verbs.parser import VerbParser
from codelm.errors import InputError
from codelm.saved_run import SavedRun, find_run

if TYPE_CHECKING:
    from socket import socket

__all__ = ["run"]

_DESCRIPTION = """\
Answer editors with a run's model, until Ctrl-C. RUN is the folder of a run or its name; the newest run by default.

  codelm serve ripgrep
  curl http://127.0.0.1:8012/v1/completions -H 'Content-Type: application/json' \\
    -d '{"prompt": "fn main() {", "suffix": "}", "path": "src/main.rs"}'

POST /v1/completions is OpenAI's, with suffix; /v1/fim/completions Mistral's; /infill llama.cpp's. docs/serve.md has the
settings of editors. Only this machine is answered; any other --host needs a key: --api-key, or CODELM_API_KEY."""
_PORT = 8012
_KEY = "CODELM_API_KEY"

log = logging.getLogger(__name__)


def run(arguments: Sequence[str], *, quiet: bool, debug: bool) -> None:
    """Serve the model of a run until a signal comes.

    Raises:
        InputError: The arguments are wrong, there is no such run, or its address cannot be had.
        DamagedDataError: What the run has written is damaged.
    """
    given = _parser().parse_args(arguments)
    _refuse_wrong_values(given)
    chosen = find_run(given.run, given.output)
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise InputError(
            "codelm serve needs starlette and uvicorn, which are not installed: pip install 'codelm[serve]'"
        )
    from codelm.serving.server import listen

    key = given.api_key or os.environ.get(_KEY) or None
    with listen(given.host, given.port, key) as listening:  # before the model is loaded, which takes a while
        from codelm.cli.logging import run_logging

        with run_logging(quiet=quiet, debug=debug):
            _serve(chosen, given, key, listening)


def _serve(chosen: SavedRun, given: Namespace, key: str | None, listening: "socket") -> None:
    """Load a run's model and serve it."""
    from codelm.cli.engines import engine_for
    from codelm.inference.place import Place
    from codelm.serving.access import is_loopback
    from codelm.serving.app import application
    from codelm.serving.generation_request import Defaults, GenerationRequest
    from codelm.serving.request_queue import RequestQueue
    from codelm.serving.server import Server, url_of

    with engine_for(given.engine, chosen, base_of_run(chosen), given.max_tokens) as engine:
        first = GenerationRequest(Place(given.path, "a"), max_tokens=1)
        engine.generate(first, lambda text: None, lambda: False)  # so that no client waits for what loads with it
        queue, name = RequestQueue(engine, given.waiting), given.name or _model_name(chosen)
        defaults = Defaults(given.path, tuple(dict.fromkeys((name, "codelm"))))
        app = application(queue, defaults, model=name, key=key, only_loopback=is_loopback(given.host))
        log.info("%s serves %s as %s; Ctrl-C ends it", url_of(listening), chosen.label, name)
        Server(app, queue).run(sockets=[listening])


def _parser() -> VerbParser:
    parser = VerbParser("serve", _DESCRIPTION)
    parser.add_argument("run", nargs="?", metavar="RUN", help="the folder of a run, or its name; default: the newest")
    parser.add_argument(
        "--engine",
        choices=("auto", "llama.cpp", "pytorch"),
        default="auto",
        help="what generates: auto is llama.cpp where that can run the base, and PyTorch has no GPU that it lacks",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=_PORT, metavar="N", help=f"the port (default: {_PORT}); 0 is any that is free"
    )
    parser.add_argument("--api-key", "--api_key", metavar="KEY", help=f"the key that clients send (default: {_KEY}'s)")
    parser.add_argument("--name", metavar="NAME", help="the model's name for clients (default: codelm-RUN)")
    parser.add_argument(
        "--path",
        default="src/lib.rs",
        metavar="PATH",
        help="the path that the model is told where a client sends none (default: src/lib.rs)",
    )
    parser.add_argument(
        "--max_tokens", type=int, default=512, metavar="N", help="tokens of an answer at most (default: 512)"
    )
    parser.add_argument(
        "--waiting", type=int, default=16, metavar="N", help="requests that may wait for their turn (default: 16)"
    )
    parser.add_argument("--output", default="runs", metavar="FOLDER", help="the folder of all runs (default: runs)")
    return parser


def _refuse_wrong_values(given: Namespace) -> None:
    """Raise `InputError` for a value out of its range."""
    name = (given.name or "").lower()
    wrong = {
        "--port: give a number from 0 to 65535": not 0 <= given.port <= 65535,
        "--max_tokens: give 1 or more": given.max_tokens < 1,
        "--waiting: give 0 or more": given.waiting < 0,
        "--path: give the path of a file": not given.path.isprintable(),
        "--name: Continue stops early at names with starcoder2; give another": "starcoder2" in name,
    }
    for message, is_so in wrong.items():
        if is_so:
            raise InputError(message)


def _model_name(chosen: SavedRun) -> str:
    """Return the name of a run's model for clients; Continue would stop it at ``t.`` if it held "starcoder2"."""
    return f"codelm-{chosen.folder.resolve().parent.name}".replace("starcoder2", "sc2")
