"""Which files of the homeserver a stranger's words can name."""

import pytest

from tchap_bridges.errors import Undeliverable, Unsupported
from tchap_bridges.ids import FileRef
from tchap_bridges.matrix.client import MatrixRefused
from tchap_bridges.matrix.ghosts import Speaker
from tchap_bridges.matrix.media import Media


class Client:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def download(self, path, *, user):
        self.asked.append(path)
        raise MatrixRefused(404, "M_NOT_FOUND", "")


REFS = [
    ("mxc://x.fr/abc", "/_matrix/client/v1/media/download/x.fr/abc"),
    ("mxc://[::1]:8448/a.b", "/_matrix/client/v1/media/download/%5B%3A%3A1%5D%3A8448/a.b"),
    ("mxc://x.fr/...", "/_matrix/client/v1/media/download/x.fr/..."),
    ("mxc://../config", None),
    ("mxc://./config", None),
    ("mxc://x.fr/..", None),
    ("mxc://x.fr/.", None),
    ("mxc://x.fr/a/b", None),
    ("mxc://x.fr/a%2Fb", None),
    ("mxc://x.fr/abc\n", None),
    ("https://x.fr/abc", None),
]


@pytest.mark.parametrize(("ref", "path"), REFS)
async def test_only_a_file_is_asked_for(ref, path):
    client = Client()
    with pytest.raises(Unsupported if path is None else Undeliverable):
        async with Media(client, Speaker("@bot:x.fr", "")).open(FileRef(ref)):
            pass
    assert client.asked == ([path] if path else [])
