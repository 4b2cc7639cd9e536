"""Ctrl-C and the signals of schedulers as requests to stop."""

import signal
import threading

import pytest

from minimax_eqx.experiment import Started, _own_hooks, sweep
from minimax_eqx.experiment._hooks import Stopping
from minimax_eqx.experiment._interrupt import stop_on_interrupt
from minimax_eqx.runners import Tournament

from .tiny import EXPERIMENT, assert_same_state, experiment, resume, rows, train

ASKING = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]


@pytest.mark.parametrize("number", ASKING)
def test_the_first_signal_asks_and_a_ctrl_c_after_it_interrupts(number):
    before = signal.getsignal(number)
    asked = []
    with stop_on_interrupt(lambda: asked.append(number)) as interrupted:
        assert not interrupted()
        signal.raise_signal(number)
        assert interrupted()
        # Schedulers repeat themselves, and this may be saving.
        for again in ASKING[1:]:
            signal.raise_signal(again)
        assert asked == [number]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGTERM"])
def test_a_signal_that_is_ignored_or_the_program_s_own_or_not_there_is_left_alone(
    name, monkeypatch
):
    number = getattr(signal, name)
    taken = {signal.SIG_IGN: False, signal.SIG_DFL: True, print: name == "SIGTERM"}
    before = signal.getsignal(number)
    try:
        for handler, expected in taken.items():
            signal.signal(number, handler)
            with stop_on_interrupt(lambda: None):
                assert (signal.getsignal(number) is not handler) == expected
            assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)
    monkeypatch.delattr(signal, name)
    with stop_on_interrupt(lambda: None):
        assert signal.getsignal(number) is before


def test_outside_the_main_thread_nothing_changes():
    before = signal.getsignal(signal.SIGINT)
    answers = []

    def work():
        with stop_on_interrupt(lambda: None) as interrupted:
            answers.append((interrupted(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [(False, before)]


def test_signals_do_what_they_did_after_an_error_too():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(RuntimeError), stop_on_interrupt(lambda: None):
        raise RuntimeError
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_a_program_in_another_language_handles_is_left_to_it(monkeypatch):
    def getsignal(number):
        return None if number == signal.SIGTERM else asked(number)

    asked, before = signal.getsignal, signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(signal, "getsignal", getsignal)
    with stop_on_interrupt(lambda: None):
        assert asked(signal.SIGTERM) is before
        assert asked(signal.SIGINT) is not before
    assert asked(signal.SIGTERM) is before


def test_a_hook_that_fails_when_told_to_stop_interrupts_nothing(caplog):
    def fail():
        raise ValueError("no terminal")

    with stop_on_interrupt(fail) as interrupted:
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
    assert "no terminal" in caplog.text


def test_a_run_that_is_asked_to_stop_while_it_is_evaluated_at_its_end_finishes_that(
    run_path, monkeypatch
):
    (run_path / "evaluation.json").unlink()
    (run_path / "evaluations.csv").unlink()
    evaluate, told = _own_hooks.evaluate, []

    def interrupted(*given):
        signal.raise_signal(signal.SIGTERM)
        return evaluate(*given)

    monkeypatch.setattr(_own_hooks, "evaluate", interrupted)
    outcome = resume(run_path, hooks=[told.append])
    assert Stopping(is_trained=True) in told
    assert not outcome.interrupted
    assert (run_path / "evaluation.json").is_file()


def stop_at_once(event):
    if isinstance(event, Started):
        signal.raise_signal(signal.SIGINT)


def test_a_run_that_is_stopped_before_its_first_cycle_goes_on_from_there(finished, tmp_path):
    straight = finished[0]
    outcome = train(EXPERIMENT, tmp_path / "run", hooks=[stop_at_once])
    assert (outcome.interrupted, outcome.ledger.cycle) == (True, 0)
    assert_same_state(resume(tmp_path / "run", hooks=[]).runner, straight.runner)
    assert rows(tmp_path / "run") == rows(straight.folder.path)


@pytest.mark.parametrize(
    "tournament",
    [
        pytest.param(None, marks=pytest.mark.slow),
        pytest.param(Tournament(every=4, num_levels=8), marks=pytest.mark.exhaustive),
    ],
)
def test_a_sweep_that_is_stopped_before_its_first_cycle_goes_on_from_there(tmp_path, tournament):
    four = {name: experiment(seed=seed) for seed, name in enumerate("abcd")}
    options = {"tournament": tournament}
    once = {"a": [stop_at_once]}
    stopped = sweep(four, tmp_path, hooks=lambda name: once.get(name, []), **options)
    assert set(stopped.interrupted) == set(four)
    assert set(sweep(four, tmp_path, hooks=lambda _: [], **options).finished) == set(four)
