"""Other people's mail: the acceptance scores, judged by the scorer that operators' output is judged by."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# (set, at least this many of so many): what was reached may not be lost again.
LEAST = {
    "quote-crisp": (43, 43),
    "quote-unquotemail": (143, 157),
    "quote-talon": (18, 21),
    "bounce-flufl": (100, 101),
    "mime-mikel": (102, 103),
    "mime-mime4j": (77, 80),
}
WRAPPER = "import sys; from tchap_bridge_email.show import main; sys.exit(main(sys.argv[3:]))"


@pytest.mark.parametrize("name", LEAST)
def test_scores(name: str, corpora: Path, tmp_path: Path):
    scorer = corpora.parents[1] / "tools" / "score_mail.py"
    if not scorer.is_file():
        assert os.environ.get("CI") != "true", f"no scorer in {scorer}"
        pytest.skip(f"no scorer in {scorer}")
    wrapper = tmp_path / "show.py"
    wrapper.write_text(WRAPPER, "utf-8")
    command = [sys.executable, scorer, "--corpora", corpora, "--set", name, "--failures"]
    command += ["--cmd", f"{sys.executable} {wrapper}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    match = re.search(rf"^{name}: (\d+)/(\d+)", run.stdout, re.MULTILINE)
    assert match, run.stdout
    least, total = LEAST[name]
    assert int(match[1]) * total >= least * int(match[2]), run.stdout
