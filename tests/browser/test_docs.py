"""The API's documentation, under the policy that allows no inline script and no other site."""

from tests.browser.conftest import NewPage


def test_the_documentation_shows_every_call(new_page: NewPage) -> None:
    """Swagger UI reads our OpenAPI and lists what is in it; an old one would refuse version 3.1."""
    page = new_page()
    page.goto("/api/docs")
    page.wait_for_selector(".opblock")

    schema = page.request.get("/api/openapi.json").json()
    assert page.locator(".opblock").count() == sum(len(calls) for calls in schema["paths"].values())
