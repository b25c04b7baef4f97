"""The daemon: what runs when, and how it tells that it is alive. Times by agent.scheduler."""
