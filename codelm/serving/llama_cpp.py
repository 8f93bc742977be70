"""llama.cpp, as the package xllamacpp brings it: its server in this process, for this process alone."""

import json
import socket
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from codelm.errors import CodelmError, InputError, one_line

__all__ = ["LlamaCpp", "has_gpu", "refuse_no_llama_cpp"]

_BATCH_TOKENS = 512
"""Tokens of a prompt that are read at a time; in between a request can be cancelled."""


def refuse_no_llama_cpp() -> None:
    """Raise `InputError` where xllamacpp is missing, or does not load."""
    if find_spec("xllamacpp") is None:
        raise InputError("xllamacpp, which brings llama.cpp, is not installed: pip install 'codelm[serve]'")
    try:
        import xllamacpp  # noqa: F401
    except ImportError as error:
        raise InputError(f"xllamacpp, which brings llama.cpp, does not load: {one_line(error)}") from error


def has_gpu() -> bool:
    """Return whether llama.cpp, as it is installed, computes on a GPU of this machine."""
    from xllamacpp import get_device_info, ggml_backend_dev_type

    # Not every other device is one: a library for matrices on the processor is an "ACCEL".
    gpus = {ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_GPU, ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_IGPU}
    return any(each["type"] in gpus for each in get_device_info())


class LlamaCpp:
    """llama.cpp's server with one model, to be closed.

    xllamacpp calls that server's ``/v1/completions`` in Python, which tells no tokens, and opens a port for
    ``/completion``, which does. That port would have no key, and answer the pages that a browser shows: here it is a
    socket in a folder that only this user may enter.

    Args:
        file: The GGUF file.
        context: Tokens of prompt and answer together at most.
        threads: Threads that compute.

    Raises:
        CodelmError: llama.cpp does not take the file.
    """

    def __init__(self, file: Path, context: int, threads: int) -> None:
        from xllamacpp import CommonParams, Server

        with ExitStack() as cleanup:
            folder = cleanup.enter_context(TemporaryDirectory(prefix="codelm-"))
            self._socket = str(Path(folder) / "llama.sock")
            params = CommonParams()
            params.model.path = str(file)
            params.hostnames = [self._socket]
            params.n_ctx = context
            params.n_batch = params.n_ubatch = _BATCH_TOKENS
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
            params.verbosity = 0  # it would write to standard error
            params.fit_params = False  # the context stays as it was given
            params.cache_ram_mib = 0  # of other prompts than the last, up to 8 GiB would be kept
            params.ui = params.endpoint_slots = False
            try:
                self._server = Server(params)
            except RuntimeError as error:
                raise CodelmError(f"llama.cpp does not load {file}: give --engine pytorch") from error
            self._cleanup = cleanup.pop_all()

    def close(self) -> None:
        """End the server and give its memory back."""
        self._server = None
        self._cleanup.close()

    def events(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """Yield the events of a stream of ``/completion``; closing the iterator cancels it.

        Raises:
            RuntimeError: llama.cpp refuses the body, or fails.
        """
        connection = _Connection(self._socket)
        try:
            connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"llama.cpp: {response.read(1000).decode(errors='replace')}")
            for line in response:
                name, _, data = line.partition(b": ")
                if name == b"error":
                    raise RuntimeError(f"llama.cpp: {data.decode(errors='replace')}")
                if name == b"data":
                    yield json.loads(data)
        finally:
            connection.close()


class _Connection(HTTPConnection):
    """A connection over a socket that is a file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Open the connection."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)
