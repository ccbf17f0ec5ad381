"""What the canary is shown before it serves anybody: recorded sessions or a copy of live requests, with its hands tied.

It is tied in layers: the agent itself records what its tools would do, and a network policy, whose effect is proven
before any traffic, lets the pods reach nothing but what they are told to reach.
"""
