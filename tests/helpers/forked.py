"""The command in processes of their own that have their imports done: each is a copy of a server that did them once."""

import atexit
import multiprocessing
import os
import resource
import subprocess
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["echodfkd.pipeline", "echodfkd.student.export", "onnxscript", "onnxruntime"])


def started(
    *words: object, out: Path | str = os.devnull, err: Path | str = os.devnull, largest: int = 0
) -> BaseProcess:
    """The command at work; its stdout and stderr go to files, and no file may become larger than `largest` bytes."""
    process = SERVER.Process(target=_walk, args=(list(map(str, words)), str(out), str(err), largest, dict(os.environ)))
    process.start()
    atexit.register(lambda: process.is_alive() and process.kill())  # of a test that failed
    return process


def run(*words: object, largest: int = 0) -> subprocess.CompletedProcess[str]:
    """The command when it is done: exit code, stdout and stderr."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = started(*words, out=out, err=err, largest=largest)
        process.join()
        return subprocess.CompletedProcess(words, process.exitcode, out.read_text(), err.read_text())


def _walk(words: list[str], out: str, err: str, largest: int, environment: dict[str, str]) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(environment)
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    sys.argv = ["echodfkd", *words]
    from echodfkd.cli import main

    main()
