"""A Gaussian process over configuration and load, fitted to what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.search.kernel import Alike, Shape, covariance, crossed, gaps, own, slopes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.search.features import Encoded

    Array = NDArray[np.float64]

_STEPS = 12
_LEARNT_FROM = 64  # more measurements hardly change the parameters, and cost their cube
_ROOM = 5.0  # standard deviations from what is expected of a parameter
_JITTER = 1e-8


@dataclass(frozen=True)
class Process:
    """Given n values. `root` is the Cholesky factor of their covariance with noise, `weights`
    what it makes of them; `mean` what is to be expected far away.
    """

    shape: Shape
    theta: Array
    points: Encoded
    loads: Array
    mean: float
    root: Array
    weights: Array

    def means(self, points: Encoded, loads: Array) -> Array:
        """(configurations, loads)."""
        found: Array = self._cross(points, loads) @ self.weights + self.mean
        return found

    def predict(self, points: Encoded, loads: Array) -> tuple[Array, Array]:
        """Mean (configurations, loads) and covariance (configurations, loads, loads)."""
        import numpy as np
        from scipy.linalg import solve_triangular

        count, width = len(points.numbers), len(loads)
        cross = self._cross(points, loads)
        mean = cross @ self.weights + self.mean
        flat = cross.reshape(count * width, -1).T
        part = solve_triangular(self.root, flat, lower=True, check_finite=False)
        part = np.ascontiguousarray(part.reshape(-1, count, width).transpose(1, 2, 0))
        return mean, own(self.shape, self.theta, loads) - part @ part.transpose(0, 2, 1)

    def _cross(self, points: Encoded, loads: Array) -> Array:
        """The covariance with what was seen (configurations, loads, n)."""
        alike = Alike.of(self.shape, self.theta, gaps(points, self.points))
        return crossed(self.shape, self.theta, alike, loads, self.loads)


def fit(
    points: Encoded, loads: Array, values: Array, *, noise: float, rng: np.random.Generator
) -> Process:
    """The most probable process given its values (n). `noise` is what to expect of one."""
    import numpy as np
    from scipy.optimize import minimize

    shape = Shape(points.numbers.shape[1], points.kinds.shape[1])
    center = float(values.mean())
    chosen = np.arange(len(values))
    if len(values) > _LEARNT_FROM:
        chosen = np.sort(rng.choice(chosen, _LEARNT_FROM, replace=False))
    part = points.rows(chosen)
    objective = _Objective(
        shape, gaps(part, part), loads[chosen], values[chosen] - center, *shape.prior(noise)
    )
    room = _ROOM * objective.spread
    found = minimize(
        objective, objective.expected, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS},
        bounds=np.column_stack([objective.expected - room, objective.expected + room]),
    )  # fmt: skip
    theta = found.x if np.all(np.isfinite(found.x)) else objective.expected
    return conditioned(shape, theta, points, loads, values, center)


def conditioned(
    shape: Shape, theta: Array, points: Encoded, loads: Array, values: Array, center: float
) -> Process:
    """The process of these parameters, given its values. `center`: what to expect far away."""
    alike = Alike.of(shape, theta, gaps(points, points))
    plain = covariance(shape, theta, alike, loads, loads)
    root, weights = _solve(plain, theta, values - center)
    return Process(shape, theta, points, loads, center, root, weights)


@dataclass(frozen=True)
class _Objective:
    """Minus the logarithm of the posterior of the parameters, and its gradient (Rasmussen and
    Williams, 2006, equations 5.8 and 5.9)."""

    shape: Shape
    gaps: tuple[Array, Array]
    loads: Array
    values: Array
    expected: Array
    spread: Array

    def __call__(self, theta: Array) -> tuple[float, Array]:
        import numpy as np
        from scipy.linalg import cho_solve

        alike = Alike.of(self.shape, theta, self.gaps)
        plain = covariance(self.shape, theta, alike, self.loads, self.loads)
        try:
            root, weights = _solve(plain, theta, self.values)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        off = (theta - self.expected) / self.spread
        value = 0.5 * self.values @ weights + np.sum(np.log(np.diag(root))) + 0.5 * off @ off
        inverse = cho_solve((root, True), np.eye(len(root)), check_finite=False)
        weight = inverse - np.outer(weights, weights)
        slope = np.empty_like(theta)
        slope[:-1] = 0.5 * slopes(self.shape, theta, alike, self.gaps, self.loads, weight)
        slope[-1] = np.exp(2 * theta[-1]) * np.trace(weight)
        return float(value), slope + off / self.spread


def _solve(plain: Array, theta: Array, values: Array) -> tuple[Array, Array]:
    import numpy as np
    from scipy.linalg import cho_solve

    noisy = plain + np.eye(len(plain)) * (np.exp(2 * theta[-1]) + _JITTER)
    root = np.linalg.cholesky(noisy)
    return root, cho_solve((root, True), values, check_finite=False)
