"""The parts of a failed assertion's text stay short, however much there is to say."""

from pytest_taskq.testing.explain import headline, table, wrong_order
from pytest_taskq.testing.matching import Mismatch, job
from pytest_taskq.testing.seen import Comparison
from pytest_taskq.testing.shown import show


def fields(wrong, right):
    differ = [Mismatch(f"xs[{at}]", at + 1, at, ok=False) for at in range(wrong)]
    return [Mismatch("n", 1, 1, ok=True)] * right + differ


def test_so_many_rows_are_shown_as_they_come():
    lines = table(fields(wrong=1, right=19))
    assert len(lines) == 20
    assert lines[0].endswith("ok")
    assert lines[-1].endswith("<-")


def test_of_many_rows_those_are_shown_that_differ():
    lines = table(fields(wrong=1, right=20_000))
    assert lines == ["    xs[0]  expected 1  got 0  <-", "    ... 20,000 are as expected ..."]
    lines = table(fields(wrong=20_000, right=3))
    assert len(lines) == 22
    assert lines[0] == "    xs[0]   expected 1   got 0   <-"
    assert lines[-2:] == ["    ... 19,980 more differ ...", "    ... 3 are as expected ..."]


def test_of_a_long_name_of_a_field_the_end_is_shown():
    (line,) = table([Mismatch(f"{'part.' * 100}token_count", 1, 2, ok=False)])
    assert len(line) < 100
    assert "part.token_count  expected 1  got 2  <-" in line


def test_an_order_of_many_shows_where_it_is_wrong():
    wanted = [job("charge", at) for at in range(1_000)]
    found = [*range(990), *range(991, 1_003)]

    def compare(number, pattern):
        same = number == pattern.args[0]
        return Comparison(True, [Mismatch("cart", pattern.args[0], number, same)])

    lines = wrong_order(wanted, found, compare).splitlines()
    assert lines[0] == "    991.  expected job(charge, 990)  got 991   <- cart"
    assert lines[9] == "    1000. expected job(charge, 999)  got 1000  <- cart"
    assert lines[10] == "    1001. expected nothing more      got 1001  <-"
    assert lines[12:] == ["    ... 990 are as expected ..."]


def test_reasons_of_an_order_are_clipped():
    wrong = Comparison(True, fields(wrong=1_000, right=0))
    (line,) = wrong_order([job("charge")], ["#1"], lambda got, pattern: wrong).splitlines()
    assert len(line) < 100
    assert line.endswith("...")


def test_a_headline_keeps_its_beginning_and_its_end():
    text = headline(f"taskq.assert_enqueued: no job matches job({'7, ' * 5_000}), queue='mail'")
    assert len(text.splitlines()) == 13
    assert text.startswith("taskq.assert_enqueued: no job matches")
    assert text.endswith("queue='mail'")


def test_a_value_is_shown_as_far_as_anybody_reads():
    assert show([1, 2]) == "[1, 2]"
    for value in (list(range(100_000)), {str(at): [at] for at in range(100_000)}):
        assert 2_000 < len(show(value)) < 5_000
        assert show(value)[-5:-1] == " ..."
    assert len(repr(job("charge", list(range(100_000))))) < 5_000
