"""tchap-bridges: bridges and bots for Matrix and Tchap."""

from importlib.metadata import version

__version__ = version("tchap-bridges")
