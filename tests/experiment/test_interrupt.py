"""Ctrl-C and SIGTERM as requests to stop."""

import signal
import threading

import pytest

from minimax_eqx.experiment._interrupt import stop_on_interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(number):
    before = signal.getsignal(number)
    asked = []
    with stop_on_interrupt(lambda: asked.append(number)) as interrupted:
        assert not interrupted()
        signal.raise_signal(number)
        assert interrupted()
        assert asked == [number]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
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
