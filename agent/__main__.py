"""`python -m agent` is the `thesis` command."""

from agent.cli import app

if __name__ == "__main__":
    app(prog_name="thesis")
