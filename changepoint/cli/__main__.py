"""`python -m changepoint.cli`."""

from changepoint.cli import main

if __name__ == "__main__":  # workers that are spawned import this file under another name
    main()
