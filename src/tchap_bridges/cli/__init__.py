"""The command line."""


def main() -> None:
    """Placeholder entry until the typer application stands."""
