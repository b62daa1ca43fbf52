"""All populations rolled out in one batch, against each of them alone and against the closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.training.courses import FARTHEST, Course, make_courses, roll
from virtualcell.training.transitions import Transition, make_transitions

RATE, DIFFUSION = 1.5, 0.3
N = 6000


def bowl(diffusion: float = DIFFUSION, euler_steps: int = 40) -> Dynamics:
    """dz = (-RATE z + push) dt + sqrt(2 D) dW in the plane; A pushes right, B up; cells grow at 0.4 a span."""
    torch.manual_seed(0)
    dynamics = Dynamics(2, 4, diffusion, ("A", "B"), euler_steps)
    with torch.no_grad():
        dynamics.potential.last.zero_()
        dynamics.potential.bowl.fill_(RATE)
        dynamics.forces.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        dynamics.growth.last.bias.fill_(float(dynamics.growth.max_rate * np.arctanh(0.4 / 3.0)))
    return dynamics


def transition(source: int, duration: float, treatment: str | None = None, weight: float = 1.0) -> Transition:
    return Transition(np.arange(source, source + 3), np.arange(3), duration, treatment, weight)


COURSES = [
    Course(np.arange(0, 3), None, (transition(0, 0.25), transition(0, 0.6), transition(0, 1.0))),
    Course(np.arange(3, 6), None, (transition(3, 0.35), transition(3, 0.75))),
    Course(np.arange(0, 3), "A", (transition(0, 0.6, "A"),)),
    Course(np.arange(3, 6), "A+B", (transition(3, 1.0, "A+B"),)),
]
PLACES = ([1.0, 0.0], [-2.0, 1.0], [1.0, 0.0], [0.0, 0.0])
PUSHES = ([0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 2.0])


def starts(n: int) -> list[Tensor]:
    return [torch.tensor([place]).repeat(n, 1) for place in PLACES]


@torch.no_grad()
def rolled(model: Dynamics, courses: list[Course], begin: list[Tensor], **options: object) -> dict[int, tuple[Tensor, Tensor]]:
    """End states and log weights by transition."""
    found = roll(model, courses, begin, torch.Generator().manual_seed(0), **options)
    return {id(t): (end, weight) for t, end, weight in found}


def test_every_transition_ends_where_the_closed_form_says() -> None:
    found = rolled(bowl(), COURSES, starts(N))
    assert len(found) == sum(len(c.transitions) for c in COURSES)
    for course, place, push in zip(COURSES, PLACES, PUSHES, strict=True):
        for t in course.transitions:
            end, weight = found[id(t)]
            kept = np.exp(-RATE * t.duration)
            mean = kept * np.array(place) + (1 - kept) / RATE * np.array(push)
            variance = DIFFUSION / RATE * (1 - kept**2)
            np.testing.assert_allclose(end.mean(0).numpy(), mean, atol=5 * np.sqrt(variance / N) + 0.02)
            np.testing.assert_allclose(end.var(0).numpy(), variance, rtol=0.08)
            np.testing.assert_allclose(weight.numpy(), 0.4 * t.duration, rtol=1e-4)


def test_together_the_law_is_that_of_each_alone() -> None:
    model, begin = bowl(euler_steps=20), starts(N)
    together = rolled(model, COURSES, begin)
    for course, start in zip(COURSES, begin, strict=True):
        alone = rolled(model, [course], [start])
        for t in course.transitions:
            a, b = together[id(t)][0], alone[id(t)][0]
            # Steps end where any course of the batch is read, so they are not the same, but nearly as long.
            allowed = 5 * np.sqrt(2 * float(b.var()) / N) + 0.01
            torch.testing.assert_close(a.mean(0), b.mean(0), atol=allowed, rtol=0)
            torch.testing.assert_close(a.std(0), b.std(0), atol=0.0, rtol=0.06)


def test_without_noise_it_is_each_alone_to_the_last_digit_where_steps_are_the_same() -> None:
    model = bowl(diffusion=1e-20)
    courses = [
        Course(c.source, c.treatment, (transition(i, d, c.treatment),))
        for i, (c, d) in enumerate(zip(COURSES, (0.5, 0.25, 1.0, 0.75), strict=True))
    ]
    together = rolled(model, courses, starts(3))
    for course, start in zip(courses, starts(3), strict=True):
        (t,) = course.transitions
        end, _ = model.rollout(start, t.duration, torch.Generator(), course.treatment, noise=False)
        torch.testing.assert_close(together[id(t)][0], end.detach(), rtol=1e-5, atol=1e-6)


def test_cells_keep_their_place_in_the_batch() -> None:
    """Row i of an end is what row i of the start has become, also after other courses have left the batch."""
    begin = [torch.linspace(-1, 1, n)[:, None] * torch.tensor([[1.0, -0.5]]) for n in (5, 3, 4, 2)]
    found = rolled(bowl(diffusion=1e-20, euler_steps=400), COURSES, begin)
    for course, start, push in zip(COURSES, begin, PUSHES, strict=True):
        for t in course.transitions:
            kept = np.exp(-RATE * t.duration)
            expected = kept * start + (1 - kept) / RATE * torch.tensor(push)
            torch.testing.assert_close(found[id(t)][0], expected.float(), rtol=0, atol=6e-3)


def test_cells_that_do_not_grow_keep_their_weight() -> None:
    assert all(not weight.any() for _, weight in rolled(bowl(), COURSES, starts(3), grow=False).values())


def test_the_slope_reaches_forces_potential_and_growth() -> None:
    model = bowl()
    found = roll(model, COURSES, starts(4), torch.Generator().manual_seed(0))
    sum(end.sum() + weight.sum() for _, end, weight in found).backward()
    for part in (model.forces, model.potential.last, model.potential.log_scale, model.growth.last.bias):
        assert torch.isfinite(part.grad).all()
        assert part.grad.any()


def test_courses_of_the_same_cells_are_one_and_the_shortest_way_comes_first() -> None:
    time, names = np.repeat([0.0, 0.2, 1.0, 1.0], 3), np.repeat(["control", "control", "control", "drug"], 3)
    transitions = make_transitions(time, names, "control", 0.5)
    courses = make_courses(transitions)
    assert sum(len(c.transitions) for c in courses) == len(transitions)
    by_source = {(tuple(c.source), c.treatment, c.transitions[0].stationary): c for c in courses}
    assert len(by_source) == len(courses) == 4
    first = by_source[(0, 1, 2), None, False]
    assert [t.duration for t in first.transitions] == [0.2, 1.0]
    assert first.weight == 1.5  # the next time counts 1, the one after it a half
    stays = by_source[(6, 7, 8), None, True]
    assert stays.weight == 0.5
    assert by_source[(3, 4, 5), "drug", False].treatment == "drug"


def test_only_the_next_time_is_the_first_of_the_same_course() -> None:
    course = COURSES[0].next_only
    assert course.transitions == COURSES[0].transitions[:1]
    assert course.treatment == COURSES[0].treatment
    assert course.source is COURSES[0].source
    (only,) = rolled(bowl(), [course], starts(2)[:1]).values()
    assert only[0].shape == (2, 2)


@pytest.mark.parametrize("durations", [(1.0, 0.25), (0.6, 0.35, 0.5)])
def test_the_order_of_courses_does_not_matter(durations: tuple[float, ...]) -> None:
    model = bowl(diffusion=1e-20)
    courses = [Course(np.arange(3), None, (transition(i, d),)) for i, d in enumerate(durations)]
    begin = starts(2)[: len(courses)]
    there, back = rolled(model, courses, begin), rolled(model, courses[::-1], begin[::-1])
    for key, (end, _) in there.items():
        torch.testing.assert_close(end, back[key][0], rtol=1e-5, atol=1e-7)


def test_no_cell_on_its_way_speaks_louder_than_cells_at_the_end() -> None:
    """On a pass, small pushes decide where a cell ends: the gradient back along its way grows step by step, and is bounded."""
    torch.manual_seed(0)
    model = bowl(diffusion=1e-20, euler_steps=100)
    with torch.no_grad():
        model.potential.bowl.fill_(-12.0)  # a hill: what starts at its top runs away e^12 times as far in a span
    start = (1e-6 * torch.randn(50, 2)).requires_grad_()
    course = make_courses([Transition(np.arange(50), np.arange(50), 1.0, None, 1.0)])
    ((_, end, _),) = roll(model, course, [start], torch.Generator().manual_seed(0))
    end.sum().backward()
    assert start.grad is not None
    at_the_end = 2**0.5  # of the sum of two coordinates
    assert float(start.grad.norm(dim=1).max()) < 1.5 * FARTHEST * at_the_end
    still = bowl(diffusion=1e-20, euler_steps=100)
    begin = torch.randn(50, 2).requires_grad_()
    ((_, end, _),) = roll(still, course, [begin], torch.Generator().manual_seed(0))
    end.sum().backward()
    assert begin.grad is not None
    rate = float(still.potential.bowl[0])
    exact = (1 - rate / 100) ** 100
    torch.testing.assert_close(begin.grad, torch.full((50, 2), exact), rtol=1e-3, atol=1e-6)


def test_times_that_differ_by_rounding_alone_are_read_at_once() -> None:
    """2/3 - 1/3 is a hair longer than 1/3: a step of that length would be read without the noise that belongs to a step."""
    gaps = np.diff(np.arange(4) / 3)
    assert len(set(gaps)) > 1
    courses = [Course(np.arange(3), None, (transition(i, float(gap)),)) for i, gap in enumerate(gaps)]
    found = rolled(bowl(euler_steps=12), courses, [torch.zeros(40_000, 2) for _ in courses])
    spread = [float(end.var(0).mean()) for end, _ in found.values()]
    np.testing.assert_allclose(spread, spread[0], rtol=0.03)
