"""What package managers call when kernels come and go: one program behind all their hooks. docs/hooks.md has the contract."""
