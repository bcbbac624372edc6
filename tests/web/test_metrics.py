"""What is watched: every figure that the dashboard and the alerts name is told, and true."""

import json
import re
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.bootstrap import Bot, now
from app.domain.run import Cause, RunState
from app.store.health import Pulses
from app.store.runs import Runs
from tests.support.deployment import ROOT

OPERATIONS = ROOT / "docs" / "operations"
FUNCTIONS = {"absent", "histogram_quantile", "increase", "max", "min", "rate", "sum"}
WORDS = FUNCTIONS | {"and", "by", "on", "offset", "group_left", "up"}


def names_in(expression: str) -> set[str]:
    """The series that a PromQL expression reads."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|(?:by|on|group_left) ?\([^)]*\)|offset \w+", " ", expression)
    return set(re.findall(r"[a-z_]{2,}", bare)) - WORDS


def alerts() -> list[dict[str, Any]]:
    """Every rule."""
    groups = yaml.safe_load((OPERATIONS / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard that shows something."""
    shown = json.loads((OPERATIONS / "dashboard.json").read_text("utf-8"))["panels"]
    return [panel for panel in shown if panel["type"] != "row"]


def series(client: httpx.Client) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What /metrics tells, by name."""
    told: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        told.setdefault(family.name, [])
        told.setdefault(f"{family.name}_total", []) if family.type == "counter" else None
        for sample in family.samples:
            told.setdefault(sample.name, []).append((sample.labels, sample.value))
    return told


def test_everything_that_is_watched_is_told(client: httpx.Client) -> None:
    """No alert and no panel waits for a figure that nobody gives."""
    client.post("/api/v1/voices/sibot/poems", json={}).raise_for_status()
    told = series(client)
    wanted = {name for rule in alerts() for name in names_in(rule["expr"])}
    wanted |= {name for panel in panels() for target in panel["targets"] for name in names_in(target["expr"])}

    assert {name for name in wanted if name.startswith("poembot_")}
    assert wanted - set(told) == set()


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    """Whoever is woken at night gets both."""
    assert rule["labels"]["severity"] in ("page", "note")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["do"].endswith(".")


def test_the_dashboard_lays_every_panel_in_a_place_of_its_own() -> None:
    """No two of them overlap, and each names its data source."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert all(target["datasource"]["uid"] == "${source}" for target in panel["targets"])
        taken |= cells


def test_the_engine_counts_its_steps(client: httpx.Client) -> None:
    """A poem is steps, each with as many lines as were being written; a swap was the first load."""
    client.post("/api/v1/voices/sibot/poems", json={}).raise_for_status()
    told = series(client)

    (_, steps), (_, lines) = told["poembot_engine_steps_total"][0], told["poembot_engine_batch_size_sum"][0]
    assert 20 < steps <= lines
    assert told["poembot_engine_batch_size_count"][0][1] == steps
    assert told["poembot_swap_seconds_count"][0][1] == 1
    assert told["poembot_swap_failures_total"][0][1] == 0
    assert told["poembot_engine_poems_total"][0][1] == told["poembot_engine_candidates_total"][0][1] == 1
    assert told["poembot_engine_queue"][0][1] == 0


def test_the_deployment_is_told_as_the_database_knows_it(client: httpx.Client, bot: Bot) -> None:
    """Runs by state, lost leases, who lives, and how readers took what serves."""
    poem = client.post("/api/v1/voices/sibot/poems", json={}).json()
    client.put(f"/api/v1/lines/{poem['lines'][0]['id']}/tick").raise_for_status()
    lose_a_lease(bot)
    with bot.transaction() as session:
        Pulses(session).beat("worker 1", "worker", now())
    told = series(client)

    assert ({"state": "admitted"}, 1.0) in told["poembot_runs"]
    assert ({"state": "failed"}, 0.0) in told["poembot_runs"]
    assert told["poembot_lease_losses_total"][0][1] == 1
    assert ({"kind": "worker"}, 1.0) in told["poembot_alive"]
    assert ({"kind": "beat"}, 0.0) in told["poembot_alive"]
    assert told["poembot_version_tick_rate"] == [({"voice": "sibot", "version": "0"}, 0.2)]
    assert told["poembot_database_up"][0][1] == 1
    assert {labels["place"] for labels, _ in told["poembot_disk_free_bytes"]} >= {"home"}


def lose_a_lease(bot: Bot) -> None:
    """A worker takes a run and falls silent; another takes it up and ends it."""
    with bot.transaction() as session:
        Runs(session).start("sibot", Cause.SHELL, now())
    with bot.transaction() as session:
        Runs(session).claim(now(), timedelta(milliseconds=1))
    time.sleep(0.01)
    with bot.transaction() as session:
        claim = Runs(session).claim(now(), timedelta(seconds=60))
        assert claim is not None
        Runs(session).end(claim, RunState.ADMITTED, now=now())
