"""How a case is put to an agent and its answer read: one module a transport."""
