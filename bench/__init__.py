"""The benchmark: what the bridge costs beside the homeserver that it talks to. `python -m bench`, or `make bench`."""
