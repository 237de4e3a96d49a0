"""The `gedanken` command: one file a verb, each a thin caller of `gedanken.recipes`.

In: words on a command line. Out: something on the screen, files in a run folder, an exit code.
Open `main.py` first. A verb imports torch inside its function, so that help answers at once.
"""
