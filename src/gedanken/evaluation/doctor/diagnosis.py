"""What the doctor says: findings, and the one word that follows from the first bad one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gedanken.evaluation.doctor.limits import Limits, Severity

HEALTHY = "good"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: what, in a word or two.
        severity: how it is to be taken.
        number: what was measured.
        limits: what it was held against.
        said: one sentence, with what to try where it is not good.
        verdict: what is wrong with the model if this is bad.
        low, high: 95 % interval of the number, or None.
    """

    check: str
    severity: Severity
    number: float
    limits: Limits
    said: str
    verdict: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in an order in which an earlier fault may explain a later one.

    Args:
        findings: what was found.
        windows: how many windows were looked at.
        horizon: model steps ahead in each.
    """

    findings: tuple[Finding, ...]
    windows: int
    horizon: int

    @property
    def verdict(self) -> str:
        """`good`, or what the first bad finding makes of the model."""
        return next((finding.verdict for finding in self.findings if finding.severity == "bad"), HEALTHY)

    @property
    def healthy(self) -> bool:
        """Whether nothing bad was found."""
        return all(finding.severity != "bad" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The diagnosis as plain JSON."""
        return {
            "verdict": self.verdict,
            "healthy": self.healthy,
            "windows": self.windows,
            "horizon": self.horizon,
            "findings": [asdict(finding) for finding in self.findings],
        }
