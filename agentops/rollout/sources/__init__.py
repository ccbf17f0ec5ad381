"""Where a rollout's numbers come from: see `watch.Watch`."""
