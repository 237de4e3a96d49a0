"""`python -m gedanken`, where the `gedanken` command is not on the path."""

from gedanken.cli.main import main

if __name__ == "__main__":
    main()
