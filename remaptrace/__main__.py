"""``python -m remaptrace``."""

from remaptrace.cli import main

if __name__ == "__main__":
    main()
