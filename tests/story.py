"""A short invented archive in which everything happens that a pass must get right.

Copies by one owner, corroboration by others on a later day, a storyline, both stances, neutral,
an abstention, off-topic items, an undated one and one seen later than it was published.
"""

from typing import Any

from tests.fakes import item

LONG = (
    "The laboratory says that the whole training run cost less than six million dollars in rented "
    "accelerators, a small part of what its American rivals are thought to spend, and that anyone "
    "may download the weights, run them at home and check every figure for themselves. Traders in "
    "New York sold chip makers from the first minute, led by the largest of them, and bought the "
    "firms that would gain if computing became cheap. Analysts at two banks kept their ratings and "
    "said that a lower price per answer has so far always brought many more questions, while a "
    "third asked clients to wait for the spring, when the big clouds say what they will build."
)
STORY: list[dict[str, Any]] = [
    item("a1", "DeepSeek trains R1 for six million [training_efficiency+3]", "2025-01-20"),
    item("a2", "Quarterly results at a shoemaker", "2025-01-20T08:00:00Z"),
    item("a3", "Google rents TPU pods to Anthropic [custom_silicon+2]", "2025-01-20T09:00:00Z"),
    item("b1", "Nvidia says Blackwell is sold out [growth_and_margins-2]", "2025-01-21"),
    item("b2", "Nvidia Blackwell, says Nvidia, is sold out [growth_and_margins-2]", "2025-01-21"),
    item("b3", "Cerebras asks [novel_accelerators+1] [abstain]", "2025-01-21"),
    item("c1", "Cheap model shakes markets [training_efficiency+2]", "2025-01-22", summary=LONG),
    item("c2", "Wall Street is unsettled [training_efficiency+2]", "2025-01-23", summary=LONG),
    item("c3", "Copy: Wall Street is unsettled", "2025-01-24", summary=LONG, publisher="Reuters"),
    item("d1", "DeepSeek trains R1 again, cheaper [training_efficiency+2]", "2025-01-23"),
    item("d2", "DeepSeek R1 trains cheaper still [training_efficiency+1]", "2025-01-24"),
    item("d3", "AMD ROCm runs it on MI300 [amd_stack+2] [inference_efficiency+1]", "2025-01-24"),
    item("e1", "TSMC cuts CoWoS [foundry_access02]", "2025-01-26", fetched="2025-01-27T10:00:00Z"),
    item("e2", "Meta raises capex for Nvidia GPUs [capex_payback-3]", "2025-01-26"),
    item("e3", "A mixed word on Broadcom [custom_silicon-1]", None),
    item("f1", "Microsoft halts data centres [capex_payback+3]", "2025-02-03"),
]
