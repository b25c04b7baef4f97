"""Tests mirror the tree: a behaviour's test is found where the behaviour is."""
