"""One file a format: each reads recordings of others and gives an `Episode`.

In flows a file nobody vouches for; out flows an `Episode`, or `BadEpisodeFile` in one sentence. Open `image_table.py`
first. Packages a format needs are imported late and named by `MissingExtra` where they are not installed.
"""

from gedanken.data.formats.image_table import read_image_table

__all__ = ["read_image_table"]
