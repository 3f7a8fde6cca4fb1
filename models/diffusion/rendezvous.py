"""Several runs of one pipeline in step with each other: at every step they meet, and one answer is given to all.

A calibration needs the whole population's states at a step before any of them goes on, and a pipeline's loop cannot be
stopped in its middle. So each batch runs in a thread of its own and waits where its scheduler steps. One computes at a
time: the memory is that of one run besides the states.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class Rendezvous(Generic[Answer]):
    """Where `parties` threads meet; `settle` makes of what they bring, in their order, the answer for all."""

    def __init__(self, parties: int, settle: Callable[[list[Any]], Answer]) -> None:
        self._settle = settle
        self._brought: list[Any] = [None] * parties
        self._answer: Answer | None = None
        self._turn = threading.Lock()  # only its holder computes
        self._barrier = threading.Barrier(parties, action=self._conclude)

    def _conclude(self) -> None:
        self._answer = self._settle(list(self._brought))

    def meet(self, party: int, given: Any) -> Answer:
        """Wait for all the others and take the answer; BrokenBarrierError where another thread has failed."""
        self._brought[party] = given
        self._turn.release()
        try:
            self._barrier.wait()
        finally:
            self._turn.acquire()
        answer: Answer = self._answer  # type: ignore[assignment]
        return answer

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Run the jobs, one a party, to their ends; the first failure ends all of them and is raised."""
        failures: list[BaseException] = []

        def work(job: Callable[[], None]) -> None:
            with self._turn:
                try:
                    job()
                except threading.BrokenBarrierError:
                    pass  # another one failed, and says why
                except BaseException as error:
                    failures.append(error)
                    self._barrier.abort()

        threads = [threading.Thread(target=work, args=(job,), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
