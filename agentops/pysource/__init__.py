"""Python source once parsed, never run: its tree, its scopes, and the texts that it builds.

The way of the data, each step a module:

    parse     text -> tree, whole files and fragments alike; every node's place
    scopes    tree -> which names are bound, to what, in which order
    parts     a string expression -> fixed texts and values (`texts`), names followed to where they get theirs
      filling     format, %, Template, replace        joining     str.join, lists that grew
      calling     functions of the file               fstrings    where an f-string's fields stand
      reading     what these three ask of `parts`: whoever can read an expression
"""
