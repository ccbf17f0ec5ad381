"""Prompts in Python source, read from its tree and never run.

The way of the data, each step a module:

    entry     the file's text -> `pysource`: tree, scopes, the parts of each text it builds
    find      walks the tree and takes what is a prompt: by its place, its name (`words`), its wording (`speech`)
      calls       calls that take prompts: template classes, agents, clients of model APIs
      asking      calls that put a text to a model, alone or behind what the system says
      held        template objects in variables, and what later calls hand to them
      handed      constants that calls hand over by a dict      kept   names that keep a text for others to fill
      messages    dicts, tuples and classes that are chat messages, and the lists of them (`speakers`: own helpers)
      blocks      roles written as blocks: guidance's `with`, the chat tag of LlamaIndex
      decorated   functions that a decorator makes prompts
      signatures  DSPy, as classes and as strings
      tools       what is said to a model about a tool
    found     a find: turns of parts; `settle` drops those that are parts of another
    spans     parts -> Text and Hole at their places in the file
      origin      what a value is called and what it went through; `sources`: who wrote it
    flows, appended   notes on what becomes of the answer, and on text put behind a fixed prompt
"""
