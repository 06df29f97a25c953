"""The benchmark's file and table hold what was measured, under the names that were promised."""

from bench.figures import MEASURES, Figures
from bench.letters import Address, letters

PROMISED = (
    "ratio_1",
    "ratio_16",
    "added_latency_ms_p50",
    "added_latency_ms_p99",
    "cpu_ms_per_message",
    "ceiling_per_s",
    "smtp_accept_per_s",
    "rss_mb_10k_links",
    "ready_s_10k_links",
)


def test_one_number_for_each_key_and_every_round_behind_it():
    figures = Figures()
    for measure in MEASURES:
        for value in (3.0, 1.0, 2.0):
            figures.note(measure.key, value, ours=value, raw=1.0)
    document = figures.document({"quick": True})
    for name in PROMISED:
        assert document[f"core.{name}"] == 2.0
        assert document["rounds"][f"core.{name}"]["value"] == [3.0, 1.0, 2.0]
    assert document["machine"]["quick"] is True
    assert figures.table().row_count == len(MEASURES)


def test_no_two_mails_are_alike_and_answers_name_their_thread():
    address = Address(room="!a:x", name="liste", subscriber="liste-x@pont.x")
    mails = list(letters(address, 7))
    assert len({mail.mark for mail in mails}) == len({mail.data for mail in mails}) == 7
    assert [b"References:" in mail.data for mail in mails] == [False, True, True, True, True, False, True]
