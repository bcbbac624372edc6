"""Static files: our own, from `templates/static`, under addresses that change with their content."""

import hashlib
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOREVER = "public, max-age=31536000, immutable"


@lru_cache(maxsize=256)
def _digest(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


class Assets:
    """Addresses of the static files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, name: str) -> str:
        """The address of a file; it changes when the file does, so browsers may keep it for good."""
        return f"/static/{name}?v={self.version(name)}"

    def version(self, name: str) -> str:
        """Ten hex digits of the file's SHA-256."""
        file = self.folder / name
        return _digest(file, file.stat().st_mtime_ns)


class CachedFiles(StaticFiles):
    """Static files with cache headers: for good under the address of what they hold, else asked again each time.

    While a release rolls, a page of the new one may be sent the old one's file: no cache may keep that for good.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 404."""
        response = await super().get_response(path, scope)
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("v")
        kept = FOREVER if asked is not None and asked == [self._version(path)] else "public, no-cache"
        response.headers["Cache-Control"] = kept
        return response

    def _version(self, path: str) -> str | None:
        file, found = self.lookup_path(path)
        return _digest(Path(file), found.st_mtime_ns) if found else None
