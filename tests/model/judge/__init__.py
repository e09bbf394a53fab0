"""What must be announced, read from `docs/contract.md` by itself. `world.World` takes a history."""
