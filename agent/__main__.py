"""`python -m agent` is the `thesis` command."""

from agent.cli import main

if __name__ == "__main__":
    main()
