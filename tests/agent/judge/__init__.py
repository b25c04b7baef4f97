"""Tests of agent/judge."""
