"""Item and thesis in, Verdict out. A judge supplies evidence; it never decides a number."""

from agent.judge.verdict import Judge, Judgeable, Label, Verdict

__all__ = ["Judge", "Judgeable", "Label", "Verdict"]
