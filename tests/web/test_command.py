"""The command: it prints an address that answers, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import urllib.request


def test_serve_prints_an_address_that_answers_and_leaves_nothing_behind(tmp_path):
    asked = ["serve", "--port", "0", "--workers", "1", "--model", "b3"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, "-m", "echodfkd", *asked], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        address = next(found[0] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
        with urllib.request.urlopen(address, timeout=120) as answer:
            assert "echodfkd" in answer.read().decode()
        assert list(tmp_path.glob("echodfkd-serve-*"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.glob("echodfkd-serve-*")) == []
