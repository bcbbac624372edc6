"""Voices: valid slugs, titles and languages for a deployment's own voice."""

import re

from app.domain.errors import Unfit

_RESERVED = """
about admin anthology api assets atom beat desk docs favicon.ico feed healthz help js lab learn lines me metrics new
openapi.json pieces poem poems privacy readyz robots.txt runs search simulate static submission submissions terms ticks
versions voice voices worker
"""
RESERVED = frozenset(_RESERVED.split())
"""First segments of the site's own paths; a voice with such a slug would conflict with a page."""
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
LONGEST_TITLE = 100


def named(slug: str, title: str, language: str) -> tuple[str, str, str]:
    """Check a voice's slug, title and language. Raises Unfit: `bad_slug`, `reserved`, `bad_title`, `bad_language`."""
    if not _SLUG.fullmatch(slug):
        raise Unfit(
            "bad_slug", f"{slug!r}: a voice's slug is 2 to 40 small letters, digits and hyphens, a letter first"
        )
    if slug in RESERVED:
        raise Unfit("reserved", f"{slug!r} is a page of the site; choose another slug")
    title = " ".join(title.split())
    if not title or len(title) > LONGEST_TITLE or not title.isprintable():
        raise Unfit("bad_title", f"a voice's title has 1 to {LONGEST_TITLE} characters")
    if not _LANGUAGE.fullmatch(language) or len(language) > 16:
        raise Unfit("bad_language", f"{language!r} is no language code, such as ko or en")
    return slug, title, language
