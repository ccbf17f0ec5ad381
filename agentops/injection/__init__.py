"""Injection analysis of prompt templates: where text from outside can turn into instructions.

The way of a file: `files` finds it, `engine` reads it through a format (`syntax`: where its prompts are) and a notation
(`notations`: how holes are written) into templates (`template`). For each hole `trust` says whose text it is (by
`names`), `defence` what guards it, `risk` what that comes to, and the `rules` what is to be said; `hidden` finds what a
reader does not see. `judging` puts it together, `identified` and `waived` settle what is known already, `kept`
remembers it. `mend` writes the defences that are missing.
"""
