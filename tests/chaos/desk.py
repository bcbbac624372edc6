"""What an admin does to a deployment under test, over HTTP."""

from dataclasses import dataclass

import httpx

from tests.support.patience import PATIENCE


@dataclass(frozen=True, slots=True)
class Desk:
    """An admin's calls, with a token."""

    address: str
    token: str

    def ask(self, voice: str = "sibot") -> int:
        """Start a run; its number, or that of the one under way."""
        answer = self._post(f"{voice}/runs")
        assert answer.status_code in (200, 202), answer.text
        return int(answer.json()["run"])

    def promote(self, number: int, voice: str = "sibot") -> None:
        """Have that version serve, whatever the gate thought of it; a trial of the voice ends."""
        body = {"version": number, "override": True, "reason": "a tiny voice is for trying things out"}
        self._post(f"{voice}/promote", body).raise_for_status()

    def _post(self, what: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.post(f"{self.address}/api/v1/admin/voices/{what}", headers=headers, json=body, timeout=PATIENCE)
