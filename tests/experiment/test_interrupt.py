"""Ctrl-C and SIGTERM as requests to stop."""

import signal
import threading

import pytest

from minimax_eqx.experiment.interrupt import stop_on_interrupt


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
