"""The plan for many readers follows from what was measured."""

from lab.bench.report import BEGIN, DOCUMENT, END, Measured, plan, table

CORE = Measured(poems_per_s=60, steps_per_s=900, chars_per_s=5000, web_mb=245)


def test_more_readers_need_more_of_everything() -> None:
    """Ten times the readers ask for ten times the poems; never fewer than two webs."""
    few, small, large = (plan(readers, CORE) for readers in (100, 100_000, 1_000_000))

    assert few["webs of one core"] == "2"
    assert small["poems/s in the busiest minute"] == "17"
    assert large["poems/s in the busiest minute"] == "167"
    assert large["webs of one core"] == "5"
    assert large["growth of Postgres, a day"] == "10.8 GB"


def test_the_document_has_a_place_for_it() -> None:
    """One, with a table in it that has the same rows."""
    text = DOCUMENT.read_text("utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    section = text.partition(BEGIN)[2].partition(END)[0]

    assert [row.split("|")[1] for row in section.splitlines() if row.startswith("|")] == [
        row.split("|")[1] for row in table(CORE).splitlines() if row.startswith("|")
    ]
