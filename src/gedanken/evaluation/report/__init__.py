"""A report that is good to look at: one HTML file that needs nothing but itself.

In flows `ReportData`, plain numbers, frames and words; out comes `report.html`: inline SVG charts, GIFs and styles, no
script, nothing fetched, light and dark. Open `data.py` first for what can be shown, then `sections.py` for how each part
looks; a section without data leaves no trace. `markup.py` escapes everything, `svg.py` draws, `pictures.py` encodes.
"""

from gedanken.evaluation.report.data import (
    Chart,
    EndStates,
    EpisodePicture,
    Figure,
    Filmstrip,
    Misses,
    PlanningCost,
    Recording,
    ReportData,
    Series,
    SuccessRow,
    Table,
)
from gedanken.evaluation.report.page import write_report

__all__ = [
    "Chart",
    "EndStates",
    "EpisodePicture",
    "Figure",
    "Filmstrip",
    "Misses",
    "PlanningCost",
    "Recording",
    "ReportData",
    "Series",
    "SuccessRow",
    "Table",
    "write_report",
]
