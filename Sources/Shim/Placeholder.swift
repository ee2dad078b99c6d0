// Holds Shim.
