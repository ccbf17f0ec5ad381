"""Prompts in TypeScript, JavaScript, Go, Java and Kotlin. One reader for the four: it takes a file (or a piece of one)
as tokens and brackets, works out what texts the expressions make, and looks for those that a model gets.

Where to begin: a language's own module (`javascript`, `golang`, `java`) says what is special to it and calls `read`.
From there, downwards:

    read            one file: finds, flows, templates; every failure gets a place
    find            walks the file: is an expression a prompt?      chat     messages that stand together
                                                                    options  options of a call, descriptions of tools
                    pairs    a system text and what is said with it, as only their places tell
    gathered        one file: tree, values, messages, and the finds of all of these as they come in
    flows           is the model's answer run or stored? does a template's text come from outside?
    services        annotations of AI services (Java)               genaiscript  scripts of that kind (JavaScript)
    messages        what is a message, and of which role            speakers a program's own makers of messages
    emit            finds become templates, each text once          literals  texts become spans; second stages are read
    prompts, names  what a prompt looks like; words of libraries    context  what is around an expression

    values          what an expression makes: operators, strings    value    the result: fixed texts and values
      chains        attributes and methods                          state    a chain on its way
      calls         functions and formats                           printf   verbs such as %s
      lists         lists and joins                                 known_calls, expression, origin, typed
      local         what a name stands for
      reading       what these four ask of `values`: whoever can read an expression

    collect         walks the file once for its names               declared, scope  parameters; the tables
    tree            brackets, items, entries                        lex, escapes, tokens

Nothing is run and nothing is imported from what is read. What a file may cost is bounded: tokens in `lex`, steps of
evaluation in `values`, finds in `emit`; a file beyond a bound is an error, never half read.
"""
