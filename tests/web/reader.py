"""A reader without JavaScript: opens pages, fills in the forms that stand on them, follows redirects."""

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from httpx import Client, Response


@dataclass
class Form:
    """A form as it stands on a page."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    """What would be sent: ticked boxes only, no buttons."""
    boxes: list[tuple[str, str]] = field(default_factory=list)
    """All check boxes, ticked or not."""

    def filled(self, **values: str | list[str]) -> dict[str, list[str]]:
        """The fields with *values* in the place of their own."""
        sent: dict[str, list[str]] = {}
        for name, value in self.fields:
            sent.setdefault(name, []).append(value)
        for name, given in values.items():
            sent[name] = given if isinstance(given, list) else [given]
        return sent


class _Forms(HTMLParser):
    """Reads the forms of a page, with what belongs to them by a `form` attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self._strays: list[tuple[str, dict[str, str | None]]] = []
        self._open: Form | None = None
        self._area: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notice forms and fields."""
        given = dict(attrs)
        if tag == "form":
            self._open = Form(given.get("action") or "", (given.get("method") or "get").lower())
            self.forms.append(self._open)
            if given.get("id"):
                self.by_id[given["id"] or ""] = self._open
        elif tag == "input" and given.get("name"):
            self._strays.append((given.get("form") or "", given)) if given.get("form") else self._add(given, self._open)
        elif tag == "button" and given.get("formaction") and self._open:  # the same fields, sent elsewhere
            owner = self._open
            self.forms.append(Form(given["formaction"] or "", "post", owner.fields, owner.boxes))
        elif tag == "textarea":
            self._area = (given.get("name") or "", [])

    def handle_data(self, data: str) -> None:
        """Notice what is in a text area."""
        if self._area:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        """Close what was open."""
        if tag == "textarea" and self._area:
            name, parts = self._area
            text = "".join(parts)
            if self._open:
                self._open.fields.append((name, text.removeprefix("\n")))
            self._area = None
        elif tag == "form":
            self._open = None

    def close(self) -> None:
        """Give the strays to their forms."""
        super().close()
        for owner, given in self._strays:
            self._add(given, self.by_id.get(owner))

    @staticmethod
    def _add(given: dict[str, str | None], form: Form | None) -> None:
        if form is None:
            return
        pair = (given.get("name") or "", given.get("value") or "")
        if given.get("type") in ("checkbox", "radio"):
            form.boxes.append(pair)
            if "checked" not in given:
                return
        form.fields.append(pair)


def forms(page: Response) -> list[Form]:
    """The forms of a page."""
    parser = _Forms()
    parser.feed(page.text)
    parser.close()
    return parser.forms


def form(page: Response, ending: str) -> Form:
    """The first form whose action ends so."""
    return next(f for f in forms(page) if f.action.partition("#")[0].endswith(ending))


def lines(page: Response) -> list[str]:
    """The lines of the poem on a page."""
    return [html.unescape(text) for text in re.findall(r'<li data-line="\d+" data-text="([^"]*)"', page.text)]


def poem_of(page: Response) -> str:
    """The id of the poem on a page."""
    found = re.search(r'data-poem="(\w+)"', page.text)
    assert found is not None
    return found[1]


class Reader:
    """Somebody with a browser and no JavaScript."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def open(self, path: str, **headers: str) -> Response:
        """Open a page; redirects are followed."""
        return self.client.get(path, headers=headers, follow_redirects=True)

    def send(self, sent: Form, **values: str | list[str]) -> Response:
        """Send a form; what comes after its redirect."""
        return self.client.post(sent.action, data=sent.filled(**values), follow_redirects=True)

    def send_only(self, sent: Form, **values: str | list[str]) -> Response:
        """Send a form; its own answer."""
        return self.client.post(sent.action, data=sent.filled(**values))
