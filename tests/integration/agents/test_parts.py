"""What the clients are made of: packages of known versions, and no libolm (CVE-2024-45191 to 45193)."""

import json
from importlib.metadata import distributions
from pathlib import Path

from tchap_bridges.testing import js_agent

JS = Path(js_agent.__file__).parent / "js"


def test_nothing_brings_libolm():
    python = {distribution.name.lower() for distribution in distributions()}
    assert "matrix-nio" in python
    assert not {"python-olm", "olm"} & python
    javascript = json.loads((JS / "package-lock.json").read_text())["packages"]
    assert "node_modules/matrix-js-sdk" in javascript
    assert not [name for name in javascript if name.endswith("/olm")]


def test_the_lock_file_names_versions_and_checksums_and_no_host():
    packages = json.loads((JS / "package-lock.json").read_text())["packages"]
    fetched = {name: package for name, package in packages.items() if name}
    assert all(package["version"] and package["integrity"].startswith("sha512-") for package in fetched.values())
    assert not [name for name, package in fetched.items() if "resolved" in package]


def test_what_is_installed_is_what_the_lock_file_says():
    locked = json.loads((JS / "package-lock.json").read_text())["packages"]
    for name, package in locked.items():
        if name:
            assert json.loads((JS / name / "package.json").read_text())["version"] == package["version"]
