"""The level buffer in plain NumPy, as the reference has it and as this package means it."""

import dataclasses

import numpy as np


def ranks(scores):
    """The place of each score when they are ordered from high to low; ties in order of index."""
    places = np.empty(len(scores), int)
    places[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return places


def distribution(scores, ages, filled, *, use_ranks, temperature, staleness_coef):
    """The chance of every slot, where scores are not negative and not all of them are 0."""
    one = np.float32(1)
    weights = one / (one + ranks(scores).astype(np.float32)) if use_ranks else scores
    with np.errstate(invalid="ignore", over="ignore"):
        weights = np.where(filled, weights, 0).astype(np.float32) ** np.float32(1 / temperature)
    total = weights.sum()
    by_score = weights / (total if total > 0 else one)
    stale = np.where(filled, ages, 0).astype(np.float32)
    by_age = stale / stale.sum() if stale.sum() > 0 else by_score
    coef = np.float32(staleness_coef)
    return (one - coef) * by_score + coef * by_age


@dataclasses.dataclass
class Buffer:
    """Slots and how they are prioritised; events change them in place.

    `newcomer_age` is `"zero"`, or `"kept"`: that of the level replaced, as in the reference.
    `best_return` is `"greatest"`, or `"last"`, as in the reference.
    """

    level_id: np.ndarray
    scores: np.ndarray
    ages: np.ndarray
    filled: np.ndarray
    max_returns: np.ndarray
    n_mutations: np.ndarray
    use_ranks: bool = True
    temperature: float = 1.0
    staleness_coef: float = 0.3
    newcomer_age: str = "zero"
    best_return: str = "greatest"

    def copy(self):
        return dataclasses.replace(
            self,
            **{
                field.name: getattr(self, field.name).copy()
                for field in dataclasses.fields(self)
                if isinstance(getattr(self, field.name), np.ndarray)
            },
        )

    def replay_distribution(self):
        return distribution(
            self.scores,
            self.ages,
            self.filled,
            use_ranks=self.use_ranks,
            temperature=self.temperature,
            staleness_coef=self.staleness_coef,
        )

    def slot_for_a_new_level(self):
        if not self.filled.all():
            return int(self.filled.sum())
        return int(np.argmin(self.replay_distribution()))

    def find(self, level_id):
        """The slot of each level, or -1."""
        stored = {level: slot for slot, level in enumerate(self.level_id) if self.filled[slot]}
        return np.array([stored.get(level, -1) for level in level_id])

    def update(self, level_id, score, level_idx, parent_idx, max_return):
        """One batch, element by element; see section 6 of the README of the reference data.

        `level_idx` is what `find` gives. A score of minus infinity leaves an element out.
        """
        old_mutations, old_returns = self.n_mutations.copy(), self.max_returns.copy()
        place = {level: slot for level, slot in zip(level_id, level_idx, strict=True) if slot >= 0}
        driven_out = set()  # these compete for their old slot from then on
        best = {level: old_returns[slot] for level, slot in place.items()}
        for i in np.flatnonzero(np.isfinite(score)):
            level = level_id[i]
            slot = place.get(level)
            known = slot is not None
            if not known:
                slot = self.slot_for_a_new_level()
            stays = known and self.level_id[slot] == level and level not in driven_out
            best[level] = max(best.get(level, -np.inf), max_return[i])
            if not stays and score[i] < self.scores[slot]:
                continue
            if not stays:
                driven_out |= {self.level_id[slot]} if self.filled[slot] else set()
            place[level] = slot
            self.scores[slot] = score[i]
            self.max_returns[slot] = (
                best[level] if self.best_return == "greatest" else max_return[i]
            )
            if stays:
                continue
            self.level_id[slot] = level
            self.filled[slot] = True
            if self.newcomer_age == "zero":
                self.ages[slot] = 0
            if parent_idx[i] >= 0:
                self.n_mutations[slot] = old_mutations[parent_idx[i]] + 1
            else:
                self.n_mutations[slot] = old_mutations[slot] if level_idx[i] >= 0 else 0

    def draw(self, slots):
        """Ages after `slots` were drawn one after another."""
        for slot in slots:
            self.ages[self.filled] += 1
            self.ages[slot] = 0

    def grow_older(self, num_draws):
        self.ages[self.filled] += num_draws
