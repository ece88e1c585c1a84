"""The suite for stores catches faults: each planted one breaks the promise that is named for it."""

import sys

import pytest

from pytest_taskq.core.errors import MissingExtra
from pytest_taskq.testing import strategies
from pytest_taskq.testing.conformance import StoreConformance
from store_mutants import finding, handling, putting
from store_mutants.base import MUTANTS, Handle, Honest, Scan, promises, suite_of

MODEL = "test_it_answers_as_the_store_in_memory_does_whatever_is_asked"
HONEST = [Honest, Scan, Handle, putting.Refuses, finding.Keeps]


def name_of(value):
    return value if isinstance(value, str) else value.__name__


@pytest.mark.parametrize(("mutant", "promise"), MUTANTS, ids=name_of)
def test_a_fault_is_caught(mutant, promise, monkeypatch):
    monkeypatch.setattr("pytest_taskq.testing._conformance.telling.SOON", 0.2)
    with pytest.raises(AssertionError) as caught:
        getattr(suite_of(mutant), promise)()
    # A store that does not fit the one it inherits from would be caught by any promise.
    assert not isinstance(caught.value.__context__, TypeError | AttributeError)


@pytest.mark.parametrize("honest", HONEST, ids=name_of)
def test_an_honest_store_keeps_every_promise(honest):
    suite = suite_of(honest, model_sequences=3)
    for promise in promises():
        getattr(suite, promise)()


def test_there_are_enough_faults_and_each_is_another_one():
    assert len({mutant for mutant, _ in MUTANTS}) == len(MUTANTS) >= 25
    assert {mutant.__module__ for mutant, _ in MUTANTS} == {
        module.__name__ for module in (finding, handling, putting)
    }
    assert {promise for _, promise in MUTANTS} <= set(promises())


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutant", [putting.LetsJumpTheLine, finding.OffersAFreedNameToOne], ids=name_of
)
def test_the_comparison_with_memory_alone_catches_a_subtle_fault(mutant):
    with pytest.raises(AssertionError):
        getattr(suite_of(mutant), MODEL)()


def test_no_class_of_tests_may_forget_to_open_its_store():
    class TestNothing(StoreConformance):
        pass

    with pytest.raises(NotImplementedError, match="open_store"):
        TestNothing().test_new_jobs_are_numbered_from_one_in_the_order_of_arrival()


def test_without_hypothesis_the_comparison_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "pytest_taskq.testing.strategies", raising=False)
    with pytest.raises(MissingExtra, match=r"pytest-taskq\[hypothesis\]"):
        getattr(suite_of(Honest), MODEL)()


def test_the_environment_says_how_many_walks_and_which(monkeypatch):
    walks = []
    monkeypatch.setattr(strategies, "compare_with_memory", lambda *_, **how: walks.append(how))
    getattr(suite_of(Honest, model_steps=9), MODEL)()
    monkeypatch.setenv("TASKQ_MODEL_SEQUENCES", "7")
    monkeypatch.setenv("TASKQ_MODEL_SEED", "3")
    getattr(suite_of(Honest), MODEL)()
    assert walks == [
        {"sequences": 100, "steps": 9, "seed": None},
        {"sequences": 7, "steps": 50, "seed": 3},
    ]
