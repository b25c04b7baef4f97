"""Tests of agent/demo."""
