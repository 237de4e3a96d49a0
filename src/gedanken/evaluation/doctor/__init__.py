"""Is a model fit to plan with, on this data? Findings in words, each with its number, its bounds and what to try.

In: a model and windows of recordings. Out: a `Diagnosis`. Open `examination.py` first: it draws the windows, lets the model
predict them, and asks each check in the order in which one fault explains the next. `limits.py` holds every bound.
"""

from gedanken.evaluation.doctor.diagnosis import Diagnosis, Finding
from gedanken.evaluation.doctor.examination import Source, examine
from gedanken.evaluation.doctor.fit import check_recording
from gedanken.evaluation.doctor.limits import Limits

__all__ = ["Diagnosis", "Finding", "Limits", "Source", "check_recording", "examine"]
