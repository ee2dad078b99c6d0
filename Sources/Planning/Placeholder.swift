// Holds Planning.
