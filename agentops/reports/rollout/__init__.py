"""What a rollout looks like while it is under way and when it is over: terminal, JSON, JUnit, Markdown.

Everything is made from a `View`: the journal's state and, where somebody looked, the last sample. Pure: objects in,
text out. The modules are imported when a report is asked for.
"""
