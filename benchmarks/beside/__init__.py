"""Ours and the peer's, measured side by side: each in a process of its own, asked in turn, on one core.

In: `PEER_PYTHON`, a Python with the peer installed (`make peers`), or nothing, and then only ours is measured. Out: for each
repeat one answer a side, with the core-seconds it took and what it returned, which is looked at before it is believed.
Open `sides.py` first, then `windows.py` for a whole comparison; `side.py` is what runs at the other end of the pipe.
"""
