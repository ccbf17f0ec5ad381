"""Mends templates in place: marks around what comes from outside, and the declaration that names them.

`mend(source, judge, options)` is pure and gives the new text; `project.mend_files` mends every file below some folders
without writing; `writing.write` puts one result on the disk. Each mend is only insertions and is checked before anybody
sees it: taken out again they leave the text as it was, the risk did not rise, and a second run would do nothing.
"""

from agentops.injection.mend.edits import Edit
from agentops.injection.mend.mending import Mend, Options, mend
from agentops.injection.mend.project import FileMend, mend_files
from agentops.injection.mend.writing import write

__all__ = ["Edit", "FileMend", "Mend", "Options", "mend", "mend_files", "write"]
