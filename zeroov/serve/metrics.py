"""What a server has done, as Prometheus reads it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")  # all others count as one
BOUNDS = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0)  # seconds


class Metrics:
    """Requests by route and status, and how long they took."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: Counter[tuple[str, float]] = Counter()
        self._sums: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        with self._lock:
            self._requests[method if method in METHODS else "other", route, status] += 1
            self._sums[route] += seconds  # type: ignore[assignment]
            for bound in BOUNDS:
                self._seconds[route, bound] += seconds <= bound

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return everything in Prometheus' text format; `gauges` are values of now by name, each with what it is."""
        with self._lock:
            requests, seconds, sums = dict(self._requests), dict(self._seconds), dict(self._sums)
        lines = ["# HELP zeroov_requests_total Requests answered.", "# TYPE zeroov_requests_total counter"]
        totals: Counter[str] = Counter()
        for (method, route, status), count in sorted(requests.items()):
            totals[route] += count
            labels = f'method="{_safe(method)}",route="{_safe(route)}",status="{status}"'
            lines.append(f"zeroov_requests_total{{{labels}}} {count}")
        name = "zeroov_request_seconds"
        lines += [f"# HELP {name} Time from the request's head to the answer's end.", f"# TYPE {name} histogram"]
        for route in sorted(totals):
            for bound in BOUNDS:
                lines.append(f'{name}_bucket{{route="{_safe(route)}",le="{bound:g}"}} {seconds[route, bound]}')
            lines.append(f'{name}_bucket{{route="{_safe(route)}",le="+Inf"}} {totals[route]}')
            lines.append(f'{name}_sum{{route="{_safe(route)}"}} {sums[route]:.6f}')
            lines.append(f'{name}_count{{route="{_safe(route)}"}} {totals[route]}')
        for gauge, (meaning, value) in gauges.items():
            lines += [f"# HELP {gauge} {meaning}", f"# TYPE {gauge} gauge", f"{gauge} {value:g}"]
        return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
