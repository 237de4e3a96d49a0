"""`gedanken bench`: what this chip can do at best."""

from __future__ import annotations


def bench(json: bool = False) -> None:
    """Measure this chip: matrix products at the sizes in use, in float32 and bfloat16, and copied bytes.

    Example: gedanken bench

    Takes a few seconds. Figures are of a core-second, so that other programs disturb them little; they are the floor that
    docs/speed.md holds our speed to. On another chip, compare before you believe a figure of ours.

    Args:
        json: print one JSON object instead of a table.
    """
    import json as text
    from dataclasses import asdict

    from gedanken import chip
    from gedanken.cli.console import console, table

    found = chip.measure()
    if json:
        print(text.dumps(asdict(found)))
        return
    by_name = {(each.name, each.dtype): each.flops for each in found.matrix}
    rows = [
        (
            name,
            "×".join(map(str, shape)),
            *(f"{by_name[name, dtype] / 1e9:,.0f}" for dtype in ("float32", "bfloat16")),
            f"{by_name[name, 'bfloat16'] / by_name[name, 'float32']:.2f}",
        )
        for name, shape in chip.SHAPES.items()
    ]
    columns = ("product", "rows×in×out", "fp32 GFLOP/s", "bf16 GFLOP/s", "bf16/fp32")
    table(f"one core-second of this chip ({found.capability}, {found.threads} threads)", columns, rows)
    console.print(f"a copy moves {found.copied / 1e9:.1f} GB, read and written bytes together")
